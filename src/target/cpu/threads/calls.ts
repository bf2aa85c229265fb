/**
 * A program as threads run it: calls, one after the other, each of chunks that do not depend on one
 * another. Which chunks there are does not depend on the number of threads.
 */
import { type Bind } from '../kernels/kernelModule.ts';
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

/** A chunk with the addresses of one thread, ready to run. */
export interface BoundChunk {
  readonly step: number;
  readonly run: () => void;
}

export type BoundCall = readonly BoundChunk[];

/** The calls for one thread, whose scratch memory starts at `scratchBytes`. */
export function bindCalls(
  calls: readonly Call[],
  scratchBytes: number,
  bind: Bind,
): readonly BoundCall[] {
  const bound = ({ step, kernel, args, scratchArgs }: Chunk): BoundChunk => {
    const own = args.map((value, i) => (scratchArgs.includes(i) ? value + scratchBytes : value));
    return { step, run: bind(kernel, own) };
  };
  return calls.map((chunks) => chunks.map(bound));
}

/** Runs all chunks of a call. */
export function runCall(chunks: BoundCall): void {
  for (const { run } of chunks) run();
}
