/**
 * A program as threads run it: calls, one after the other, each of tasks that do not depend on one another. A thread does
 * the chunks of a task one after the other.
 */
import type { KernelName } from '../kernels/kernels.table.ts';
import type { NativeCall, NativeRoute, Prepared, RouteWords } from '../x86/index.ts';
import type { KernelSet } from './kernelSet.ts';

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
 * A program as one thread runs it: a chunk is prepared when the thread first comes to it, as another may always take
 * it, and one on state again for another slot. A task of which machine code can do anything is handed over when it has run once.
 */
export class ReadyWork implements Walk {
  readonly calls: readonly ReadyCall[];
  readonly route: NativeRoute | undefined;
  /** Tasks on state, by call. */
  readonly #onState: (readonly [call: number, task: number])[] = [];
  #slot = 0;

  /** For thread number `thread`, which walks by `words`, if others share the work. */
  constructor(
    kernels: KernelSet,
    { calls, scratchAddress, scratchBytes }: Work,
    thread: number,
    words?: RouteWords,
  ) {
    const tasks = calls.map(({ length }) => length);
    this.route = words && kernels.route?.(tasks, words);
    const scratch = scratchAddress + thread * scratchBytes;
    let first = 0;
    this.calls = calls.map((call, i) =>
      call.map((chunks, j) => {
        const own = chunks.map((chunk) => new ReadyChunk(kernels, chunk, scratch));
        if (own.some(({ isOnState }) => isOnState)) this.#onState.push([i, j]);
        const ready = {
          first,
          chunks: own.map((chunk) => () => chunk.run(this.#slot)),
          handOver: this.route && (() => this.#handOver(i, j, own)),
        };
        first += chunks.length;
        return ready;
      }),
    );
  }

  /** Makes `calls` those on the slots from `slot` on. */
  moveTo(slot: number): void {
    if (slot === this.#slot) return;
    this.#slot = slot;
    for (const [call, task] of this.#onState) this.route?.withdraw(call, task);
  }

  /** Unless machine code has it, or the host would be asked for all of it. */
  #handOver(call: number, task: number, chunks: readonly ReadyChunk[]): void {
    if (this.route!.has(call, task) || chunks.every(({ native }) => native === undefined)) return;
    this.route!.handOver(
      call,
      task,
      chunks.map(({ native }) => native),
    );
  }
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
    const { kernel, args, scratchArgs, stateArgs } = this.#chunk;
    const values = [...args];
    for (const index of scratchArgs) values[index]! += this.#scratch;
    for (const { index, slotBytes } of stateArgs) values[index]! += slot * slotBytes;
    return this.#kernels.prepare(kernel, values);
  }
}
