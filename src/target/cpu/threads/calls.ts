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

/** The calls of thread number `thread`. */
export function prepareCalls(
  kernels: KernelSet,
  { calls, scratchAddress, scratchBytes }: Work,
  thread: number,
): readonly ReadyCall[] {
  const scratch = scratchAddress + thread * scratchBytes;
  const prepare = ({ kernel, args, scratchArgs }: Chunk): (() => void) =>
    kernels.prepare(
      kernel,
      args.map((value, i) => (scratchArgs.includes(i) ? value + scratch : value)),
    );
  return calls.map((chunks) => chunks.map(prepare));
}
