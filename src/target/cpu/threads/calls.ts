/**
 * A program as threads run it: calls, one after the other, each of tasks that do not depend on one another. A thread does
 * the chunks of a task one after the other.
 */
import { type NativeRoute, type Prepared, type RouteWords } from '../x86/index.ts';
import { type KernelSet } from './kernelSet.ts';
import { argsOf, stepOf, type PackedCalls } from './packing.ts';

/** What runs: calls, and the scratch memory of the threads, one after the other. */
export interface Work extends PackedCalls {
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/** A task as one thread runs it. */
export interface ReadyTask {
  /** The number of its first chunk in the program. */
  readonly first: number;
  readonly chunks: readonly (() => void)[];
  /** When it has run: hands it to machine code, which asks for chunks that it cannot do. */
  handOver?(): void;
}

export type ReadyCall = readonly ReadyTask[];

/** What a thread walks: calls, and machine code that knows some of their tasks. */
export interface Walk {
  readonly calls: readonly ReadyCall[];
  readonly route?: NativeRoute | undefined;
}

/**
 * A program as one thread runs it: a task is made ready when the thread comes to it, as another may always take it, and one
 * on state again for another slot. A task of which machine code can do anything is handed over when it has run once.
 */
export class ReadyWork implements Walk {
  readonly calls: readonly ReadyCall[];
  readonly route: NativeRoute | undefined;
  readonly #kernels: KernelSet;
  readonly #work: Work;
  readonly #scratch: number;
  /** Tasks on state that are ready for the slot. */
  #onState: LazyTask[] = [];
  #slot = 0;

  /** For thread number `thread`, which walks by `words`, if others share the work. */
  constructor(kernels: KernelSet, work: Work, thread: number, words?: RouteWords) {
    this.#kernels = kernels;
    this.#work = work;
    this.#scratch = work.scratchAddress + thread * work.scratchBytes;
    this.route = words && kernels.route?.([...work.tasksOfCall], words);
    let [first, number] = [0, 0];
    this.calls = Array.from(work.tasksOfCall, (tasks, call) =>
      Array.from({ length: tasks }, (_, task) => {
        const place = { call, task, first, count: work.chunksOfTask[number++]! };
        first += place.count;
        return new LazyTask(this, place);
      }),
    );
  }

  /** Makes `calls` those on the slots from `slot` on. */
  moveTo(slot: number): void {
    if (slot === this.#slot) return;
    this.#slot = slot;
    for (const task of this.#onState) task.move();
    this.#onState = [];
  }

  /** The chunks of a task on the slots that the calls are on. */
  prepare(task: LazyTask, { first, count }: TaskPlace): readonly Prepared[] {
    const chunks = Array.from({ length: count }, (_, i) => first + i);
    if (chunks.some((chunk) => stepOf(this.#work, chunk).stateArgs.length > 0))
      this.#onState.push(task);
    return chunks.map((chunk) => this.#prepare(chunk));
  }

  #prepare(chunk: number): Prepared {
    const { kernel, scratchArgs, stateArgs } = stepOf(this.#work, chunk);
    const args = argsOf(this.#work, chunk);
    for (const index of scratchArgs) args[index]! += this.#scratch;
    for (const { index, slotBytes } of stateArgs) args[index]! += this.#slot * slotBytes;
    return this.#kernels.prepare(kernel, args);
  }
}

/** Where a task is in the program: its first chunk, and how many it has. */
interface TaskPlace {
  readonly call: number;
  readonly task: number;
  readonly first: number;
  readonly count: number;
}

/** A task that costs next to nothing before the thread comes to it, and when machine code has it. */
class LazyTask implements ReadyTask {
  readonly #work: ReadyWork;
  readonly #place: TaskPlace;
  #prepared: readonly Prepared[] | undefined;
  #chunks: readonly (() => void)[] | undefined;

  constructor(work: ReadyWork, place: TaskPlace) {
    this.#work = work;
    this.#place = place;
  }

  get first(): number {
    return this.#place.first;
  }

  get chunks(): readonly (() => void)[] {
    return (this.#chunks ??= this.#makeReady().map(({ run }) => run));
  }

  /** Unless machine code has it, or the host would be asked for all of it. */
  handOver(): void {
    const { route } = this.#work;
    const { call, task } = this.#place;
    if (route === undefined || route.has(call, task)) return;
    const calls = this.#makeReady().map(({ native }) => native?.());
    if (calls.every((native) => native === undefined)) return;
    route.handOver(call, task, calls);
    this.#forget();
  }

  /** The calls are on other slots from now on. */
  move(): void {
    this.#forget();
    this.#work.route?.withdraw(this.#place.call, this.#place.task);
  }

  #makeReady(): readonly Prepared[] {
    return (this.#prepared ??= this.#work.prepare(this, this.#place));
  }

  #forget(): void {
    this.#prepared = this.#chunks = undefined;
  }
}
