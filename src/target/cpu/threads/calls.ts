/**
 * A program as threads run it: calls, one after the other, each of tasks that do not depend on one another. A thread does
 * the chunks of a task one after the other.
 */
import { type NativeCall, type NativeRoute, type Prepared, type RouteWords } from '../x86/index.ts';
import { type KernelSet } from './kernelSet.ts';
import { argsOf, stepOf, type BoundStep, type PackedCalls } from './packing.ts';

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
  readonly handOver?: (() => void) | undefined;
}

export type ReadyCall = readonly ReadyTask[];

/** What a thread walks: calls, and machine code that knows some of their tasks. */
export interface Walk {
  readonly calls: readonly ReadyCall[];
  readonly route?: NativeRoute | undefined;
}

/**
 * A program as one thread runs it: a task is made ready when the thread first comes to it, as another may always take
 * it, and chunks on state again for another slot. A task of which machine code can do anything is handed over when it has run once.
 */
export class ReadyWork implements Walk {
  readonly calls: readonly ReadyCall[];
  readonly route: NativeRoute | undefined;
  readonly #kernels: KernelSet;
  readonly #work: Work;
  readonly #scratch: number;
  /** Tasks on state that machine code does, by call. */
  #onState: (readonly [call: number, task: number])[] = [];
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

  /** The first of the slots that it runs on. */
  get slot(): number {
    return this.#slot;
  }

  /** Makes `calls` those on the slots from `slot` on. */
  moveTo(slot: number): void {
    if (slot === this.#slot) return;
    this.#slot = slot;
    for (const [call, task] of this.#onState) this.route?.withdraw(call, task);
    this.#onState = [];
  }

  /** A chunk by its number. */
  readyChunk(chunk: number): ReadyChunk {
    const [step, args] = [stepOf(this.#work, chunk), argsOf(this.#work, chunk)];
    return new ReadyChunk(this.#kernels, step, args, this.#scratch);
  }

  /** Unless machine code has it, or the host would be asked for all of it. */
  handOver(call: number, task: number, chunks: readonly ReadyChunk[]): void {
    const { route } = this;
    if (route === undefined || route.has(call, task)) return;
    const calls = chunks.map(({ native }) => native);
    if (calls.every((native) => native === undefined)) return;
    route.handOver(call, task, calls);
    if (chunks.some(({ isOnState }) => isOnState)) this.#onState.push([call, task]);
  }
}

/** Where a task is in the program: its first chunk, and how many it has. */
interface TaskPlace {
  readonly call: number;
  readonly task: number;
  readonly first: number;
  readonly count: number;
}

/** A task that costs nothing before this thread comes to it. */
class LazyTask implements ReadyTask {
  readonly #work: ReadyWork;
  readonly #place: TaskPlace;
  #own: readonly ReadyChunk[] = [];
  #chunks: readonly (() => void)[] | undefined;

  constructor(work: ReadyWork, place: TaskPlace) {
    this.#work = work;
    this.#place = place;
  }

  get first(): number {
    return this.#place.first;
  }

  get chunks(): readonly (() => void)[] {
    return (this.#chunks ??= this.#makeReady());
  }

  handOver(): void {
    this.#work.handOver(this.#place.call, this.#place.task, this.#own);
  }

  #makeReady(): readonly (() => void)[] {
    const { first, count } = this.#place;
    this.#own = Array.from({ length: count }, (_, i) => this.#work.readyChunk(first + i));
    return this.#own.map((chunk) => () => chunk.run(this.#work.slot));
  }
}

/** A chunk that is prepared when it is first run, and on state for each slot. */
class ReadyChunk {
  readonly #kernels: KernelSet;
  readonly #step: BoundStep;
  readonly #args: readonly number[];
  readonly #scratch: number;
  #prepared: Prepared | undefined;
  #slot = 0;

  constructor(kernels: KernelSet, step: BoundStep, args: readonly number[], scratch: number) {
    this.#kernels = kernels;
    this.#step = step;
    this.#args = args;
    this.#scratch = scratch;
  }

  get isOnState(): boolean {
    return this.#step.stateArgs.length > 0;
  }

  run(slot: number): void {
    if (this.#prepared === undefined || (this.isOnState && slot !== this.#slot)) {
      this.#prepared = this.#prepare(slot);
      this.#slot = slot;
    }
    this.#prepared.run();
  }

  /** Its calls of machine code as it last ran; undefined if it has none. */
  get native(): readonly NativeCall[] | undefined {
    return this.#prepared?.native?.();
  }

  #prepare(slot: number): Prepared {
    const { kernel, scratchArgs, stateArgs } = this.#step;
    const values = [...this.#args];
    for (const index of scratchArgs) values[index]! += this.#scratch;
    for (const { index, slotBytes } of stateArgs) values[index]! += slot * slotBytes;
    return this.#kernels.prepare(kernel, values);
  }
}
