/**
 * A program as threads run it: calls, one after the other, each of tasks that do not depend on one another. A thread does
 * the chunks of a task one after the other.
 */
import type { KernelSet } from './kernelSet.ts';
import { argsOf, stepOf, type PackedCalls } from './packing.ts';
import type { Prepared, Route } from './route.ts';
import { runTimed, type Times } from './times.ts';
import type { Walk } from './walk.ts';

/** What runs: calls, and the scratch memory of the threads, one after the other. */
export interface Work extends PackedCalls {
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/** Where a task is in the program: its number among all, and its first chunk. */
interface TaskPlace {
  readonly call: number;
  readonly task: number;
  readonly number: number;
  readonly first: number;
  readonly count: number;
}

/**
 * A program as one thread runs it: a task is prepared when the thread comes to it, as another may always take it, and one
 * on state again for another slot. A task that has run is handed over to the route, unless the times of its chunks are kept,
 * which no route does; then only chunks that the route asks for are kept here.
 */
export class ReadyWork implements Walk {
  readonly tasks: readonly number[];
  readonly route: Route;
  readonly #kernels: KernelSet;
  readonly #work: Work;
  readonly #thread: number;
  readonly #times: Times | undefined;
  /** The number of the first task of each call, and of the first chunk of each task. */
  readonly #firstTask: Uint32Array;
  readonly #firstChunk: Uint32Array;
  /** Chunks that the host runs or is asked for, by their number. */
  readonly #prepared: (Prepared | undefined)[] = [];
  /** Tasks on state that are prepared or handed over for the slot. */
  readonly #onState = new Map<number, TaskPlace>();
  #slot = 0;

  /** For thread number `thread`; times go to `times`, if they are to be kept. */
  constructor(kernels: KernelSet, work: Work, thread: number, times?: Times) {
    this.#kernels = kernels;
    this.#work = work;
    this.#thread = thread;
    this.#times = times;
    this.tasks = [...work.tasksOfCall];
    this.#firstTask = startsOf(work.tasksOfCall);
    this.#firstChunk = startsOf(work.chunksOfTask);
    this.route = kernels.route(this.tasks, (call, task, chunk) =>
      this.#readied(this.#placeOf(call, task).first + chunk).run(),
    );
  }

  /** Makes `calls` those on the slots from `slot` on. */
  moveTo(slot: number): void {
    if (slot === this.#slot) return;
    this.#slot = slot;
    for (const place of this.#onState.values()) {
      this.#forget(place);
      this.route.withdraw(place.call, place.task);
    }
    this.#onState.clear();
  }

  do(call: number, task: number): void {
    const place = this.#placeOf(call, task);
    const numbers = Array.from({ length: place.count }, (_, i) => place.first + i);
    if (numbers.some((chunk) => stepOf(this.#work, chunk).stateArgs.length > 0))
      this.#onState.set(place.number, place);
    const chunks = numbers.map((chunk) => this.#readied(chunk));
    if (this.#times) return runTimed(chunks, place.first, this.#times, this.#thread);
    for (const { run } of chunks) run();
    if (this.route.handOver(call, task, chunks)) this.#forget(place);
  }

  #placeOf(call: number, task: number): TaskPlace {
    const number = this.#firstTask[call]! + task;
    const first = this.#firstChunk[number]!;
    return { call, task, number, first, count: this.#work.chunksOfTask[number]! };
  }

  #forget({ first, count }: TaskPlace): void {
    for (let chunk = first; chunk < first + count; chunk++) this.#prepared[chunk] = undefined;
  }

  /** A chunk on the slots that the calls are on. */
  #readied(chunk: number): Prepared {
    return (this.#prepared[chunk] ??= this.#prepare(chunk));
  }

  #prepare(chunk: number): Prepared {
    const { scratchAddress, scratchBytes } = this.#work;
    const { kernel, scratchArgs, stateArgs } = stepOf(this.#work, chunk);
    const args = argsOf(this.#work, chunk);
    const scratch = scratchAddress + this.#thread * scratchBytes;
    for (const index of scratchArgs) args[index]! += scratch;
    for (const { index, slotBytes } of stateArgs) args[index]! += this.#slot * slotBytes;
    return this.#kernels.prepare(kernel, args);
  }
}

/** Where each of groups starts that lie one after the other. */
function startsOf(lengths: Uint32Array): Uint32Array {
  let start = 0;
  return lengths.map((length) => (start += length) - length);
}
