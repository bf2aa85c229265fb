/**
 * A program as threads run it: calls, one after the other, each of chunks that do not depend on one
 * another. Which chunks there are does not depend on the number of threads.
 */
import { type Kernels } from '../kernels/kernelModule.ts';
import { type KernelName } from '../kernels/kernels.table.ts';

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
}

/** Chunks that do not depend on one another: those of the steps of a round. */
export type Call = readonly Chunk[];

/** What runs: calls, and the scratch memory of the threads, one after the other. */
export interface Work {
  readonly calls: readonly Call[];
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/** The calls with the addresses of one thread, whose scratch memory starts at `scratchBytes`. */
export function callsOfThread(calls: readonly Call[], scratchBytes: number): readonly Call[] {
  const moved = (chunk: Chunk): Chunk => ({
    ...chunk,
    args: chunk.args.map((value, i) =>
      chunk.scratchArgs.includes(i) ? value + scratchBytes : value,
    ),
    scratchArgs: [],
  });
  return calls.map((chunks) => chunks.map(moved));
}

/** Runs all chunks of a call. */
export function runCall(kernels: Kernels, chunks: Call): void {
  for (const { kernel, args } of chunks) kernels[kernel](...args);
}
