/**
 * A program as threads run it: calls, one after the other, each of tasks that do not depend on one another. A thread does
 * the chunks of a task one after the other.
 */
import { type KernelName } from '../kernels/kernels.table.ts';
import { type KernelSet } from './kernelSet.ts';

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
}

export type ReadyCall = readonly ReadyTask[];

/**
 * A program as one thread runs it: a chunk is prepared when the thread first comes to it, as another may always take
 * it, and one on state again for another slot.
 */
export class ReadyWork {
  readonly calls: readonly ReadyCall[];
  readonly #kernels: KernelSet;
  readonly #scratch: number;
  #slot = 0;

  /** For thread number `thread`. */
  constructor(kernels: KernelSet, { calls, scratchAddress, scratchBytes }: Work, thread: number) {
    this.#kernels = kernels;
    this.#scratch = scratchAddress + thread * scratchBytes;
    let first = 0;
    this.calls = calls.map((tasks) =>
      tasks.map((chunks) => {
        const ready = { first, chunks: chunks.map((chunk) => this.#preparedLater(chunk)) };
        first += chunks.length;
        return ready;
      }),
    );
  }

  /** Makes `calls` those on the slots from `slot` on. */
  moveTo(slot: number): void {
    this.#slot = slot;
  }

  #preparedLater(chunk: Chunk): () => void {
    const isOnState = chunk.stateArgs.length > 0;
    let run: (() => void) | undefined;
    let slot = 0;
    return () => {
      if (run === undefined || (isOnState && slot !== this.#slot)) {
        run = this.#prepare(chunk);
        slot = this.#slot;
      }
      run();
    };
  }

  #prepare({ kernel, args, scratchArgs, stateArgs }: Chunk): () => void {
    const values = [...args];
    for (const index of scratchArgs) values[index]! += this.#scratch;
    for (const { index, slotBytes } of stateArgs) values[index]! += this.#slot * slotBytes;
    return this.#kernels.prepare(kernel, values);
  }
}
