/**
 * A program as threads run it: calls of kernels, one after the other, each in chunks that do not
 * depend on one another. Which chunks there are does not depend on the number of threads.
 */
import { type Bind } from '../kernels/kernelModule.ts';
import { type KernelName } from '../kernels/kernels.table.ts';

export interface Chunk {
  readonly kernel: KernelName;
  readonly args: readonly number[];
}

export interface Call {
  readonly chunks: readonly Chunk[];
  /**
   * Addresses of scratch memory: places in the chunks' arguments whose values count from the start of
   * the scratch memory that each thread has for itself.
   */
  readonly scratchArgs: readonly number[];
}

/** What runs: calls, and the scratch memory of the threads, one after the other. */
export interface Work {
  readonly calls: readonly Call[];
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/** A call as one thread runs it: its chunks, with that thread's addresses. */
export type BoundCall = readonly (() => void)[];

/** The calls for one thread, whose scratch memory starts at `scratchBytes`. */
export function bindCalls(
  calls: readonly Call[],
  scratchBytes: number,
  bind: Bind,
): readonly BoundCall[] {
  return calls.map(({ chunks, scratchArgs }) =>
    chunks.map(({ kernel, args }) =>
      bind(
        kernel,
        args.map((value, i) => (scratchArgs.includes(i) ? value + scratchBytes : value)),
      ),
    ),
  );
}

/** Runs all chunks of a call. */
export function runCall(chunks: BoundCall): void {
  for (const run of chunks) run();
}
