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
  let first = 0;
  return calls.map((tasks) =>
    tasks.map((chunks) => {
      const ready = { first, chunks: chunks.map(prepare) };
      first += chunks.length;
      return ready;
    }),
  );
}
