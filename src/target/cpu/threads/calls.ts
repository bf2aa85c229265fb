/**
 * A program as threads run it: calls, one after the other, each of tasks that do not depend on one another. A thread does
 * the chunks of a task one after the other.
 */
import { type KernelName } from '../kernels/kernels.table.ts';
import { type KernelSet } from './kernelSet.ts';
import { type Prepared, type Route } from './route.ts';
import { runTimed, type Times } from './times.ts';
import { type Walk } from './walk.ts';

/** A call of a kernel, of a part of a step. */
export interface Chunk {
  /** The step of the program that it is a part of. */
  readonly step: number;
  readonly kernel: KernelName;
  readonly args: readonly number[];
  /**
   * Places in `args` whose values are addresses from the start of the scratch memory that each thread
   * has for itself.
   */
  readonly scratchArgs: readonly number[];
  /** Places in `args` whose values are addresses in the state of slot 0, and the bytes of a slot. */
  readonly stateArgs: readonly StateArg[];
}

export interface StateArg {
  readonly index: number;
  readonly slotBytes: number;
}

export type Task = readonly Chunk[];

/** Tasks that do not depend on one another: those of the steps of a section. */
export type Call = readonly Task[];

/** What runs: calls, and the scratch memory of the threads, one after the other. */
export interface Work {
  readonly calls: readonly Call[];
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/**
 * A program as one thread runs it: a chunk is prepared when the thread first comes to it, as another may always take
 * it, and one on state again for another slot. A task that has run is handed over to the route, unless the times of its chunks
 * are kept, which no route does.
 */
export class ReadyWork implements Walk {
  readonly tasks: readonly number[];
  readonly route: Route;
  readonly #thread: number;
  readonly #calls: readonly (readonly ReadyTask[])[];
  readonly #times: Times | undefined;
  /** Tasks on state, by call. */
  readonly #onState: (readonly [call: number, task: number])[] = [];
  #slot = 0;

  /** For thread number `thread`; times go to `times`, if they are to be kept. */
  constructor(
    kernels: KernelSet,
    { calls, scratchAddress, scratchBytes }: Work,
    thread: number,
    times?: Times,
  ) {
    this.#thread = thread;
    this.#times = times;
    this.tasks = calls.map(({ length }) => length);
    this.route = kernels.route(this.tasks);
    const scratch = scratchAddress + thread * scratchBytes;
    let first = 0;
    this.#calls = calls.map((call, i) =>
      call.map((task, j) => {
        const chunks = task.map((chunk) => new ReadyChunk(kernels, chunk, scratch));
        if (chunks.some(({ isOnState }) => isOnState)) this.#onState.push([i, j]);
        first += chunks.length;
        return { first: first - chunks.length, chunks };
      }),
    );
  }

  /** Makes `calls` those on the slots from `slot` on. */
  moveTo(slot: number): void {
    if (slot === this.#slot) return;
    this.#slot = slot;
    for (const [call, task] of this.#onState) this.route.withdraw(call, task);
  }

  do(call: number, task: number): void {
    const { first, chunks } = this.#calls[call]![task]!;
    const prepared = chunks.map((chunk) => chunk.prepareFor(this.#slot));
    if (this.#times) runTimed(prepared, first, this.#times, this.#thread);
    else {
      for (const { run } of prepared) run();
      this.route.handOver(call, task, prepared);
    }
  }
}

/** The number of the first chunk in the program, and all of them. */
interface ReadyTask {
  readonly first: number;
  readonly chunks: readonly ReadyChunk[];
}

/** A chunk that is prepared when it is first run, and on state for each slot. */
class ReadyChunk {
  readonly isOnState: boolean;
  readonly #kernels: KernelSet;
  readonly #chunk: Chunk;
  readonly #scratch: number;
  #prepared: Prepared | undefined;
  #slot = 0;

  constructor(kernels: KernelSet, chunk: Chunk, scratch: number) {
    this.#kernels = kernels;
    this.#chunk = chunk;
    this.#scratch = scratch;
    this.isOnState = chunk.stateArgs.length > 0;
  }

  prepareFor(slot: number): Prepared {
    const isKnown = this.#prepared && (!this.isOnState || slot === this.#slot);
    if (!isKnown) this.#prepared = this.#prepare(slot);
    this.#slot = slot;
    return this.#prepared!;
  }

  #prepare(slot: number): Prepared {
    const { kernel, args, scratchArgs, stateArgs } = this.#chunk;
    const values = [...args];
    for (const index of scratchArgs) values[index]! += this.#scratch;
    for (const { index, slotBytes } of stateArgs) values[index]! += slot * slotBytes;
    return this.#kernels.prepare(kernel, values);
  }
}
