/**
 * A program as threads run it: calls, one after the other, each of chunks that do not depend on one
 * another. Which chunks there are does not depend on the number of threads.
 */
import { type KernelName } from '../kernels/kernels.table.ts';
import { type KernelSet } from './kernelSet.ts';

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

/** Chunks that do not depend on one another: those of the steps of a round. */
export type Call = readonly Chunk[];

/** What runs: calls, and the scratch memory of the threads, one after the other. */
export interface Work {
  readonly calls: readonly Call[];
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/** The chunks of a call as one thread runs them. */
export type ReadyCall = readonly (() => void)[];

/** A program as one thread runs it: each chunk is prepared once, those on state again for another slot. */
export class ReadyWork {
  readonly #kernels: KernelSet;
  readonly #scratch: number;
  readonly #calls: (() => void)[][];
  /** The chunks on state, and where they are in the calls. */
  readonly #onState: readonly {
    readonly chunk: Chunk;
    readonly call: number;
    readonly at: number;
  }[];
  #slot = 0;

  /** For thread number `thread`. */
  constructor(kernels: KernelSet, { calls, scratchAddress, scratchBytes }: Work, thread: number) {
    this.#kernels = kernels;
    this.#scratch = scratchAddress + thread * scratchBytes;
    this.#calls = calls.map((chunks) => chunks.map((chunk) => this.#prepare(chunk)));
    this.#onState = calls.flatMap((chunks, call) =>
      chunks
        .map((chunk, at) => ({ chunk, call, at }))
        .filter(({ chunk }) => chunk.stateArgs.length > 0),
    );
  }

  /** The calls, on the slots from `slot` on; valid until they are asked for of another. */
  callsFrom(slot: number): readonly ReadyCall[] {
    if (slot === this.#slot) return this.#calls;
    this.#slot = slot;
    for (const { chunk, call, at } of this.#onState) this.#calls[call]![at] = this.#prepare(chunk);
    return this.#calls;
  }

  #prepare({ kernel, args, scratchArgs, stateArgs }: Chunk): () => void {
    const values = [...args];
    for (const index of scratchArgs) values[index]! += this.#scratch;
    for (const { index, slotBytes } of stateArgs) values[index]! += this.#slot * slotBytes;
    return this.#kernels.prepare(kernel, values);
  }
}
