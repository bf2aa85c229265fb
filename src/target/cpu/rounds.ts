/**
 * Rounds: steps that do not depend on one another, so that threads wait for each other once a round and
 * not once a step. A step is in the first round after those of all steps that it depends on.
 */
import type { KernelName } from './kernels/kernels.table.ts';

/** The parameters through which a kernel writes, where they are not `out` alone. */
const WRITTEN: Partial<Record<KernelName, readonly string[]>> = {
  append: ['state'],
  appendEntries: ['state'],
  causalConvolution: ['state', 'out'],
  compress: ['state', 'out'],
  gatedDelta: ['state', 'out'],
  groupTokens: ['starts', 'tokens', 'weights', 'places'],
  ngramHashes: ['hashes'],
  ngramIds: ['state', 'ids'],
  windowAttention: ['state', 'out'],
};

/** Whether the kernel writes what this parameter points at. */
export function writes(kernel: KernelName, parameter: string): boolean {
  return (WRITTEN[kernel] ?? ['out']).includes(parameter);
}

/** A part of something that steps read and write. */
export interface Access {
  /** A buffer, or the name of a state. */
  readonly what: object | string;
  readonly offsetBytes: number;
  readonly written: boolean;
}

interface History {
  /** The last rounds that read it, and that wrote the part from an offset on. */
  read: number;
  readonly written: Map<number, number>;
}

/** Gives each step its round, in the order of the program. */
export class Rounds {
  readonly #histories = new Map<object | string, History>();

  /**
   * The round of a step with these accesses. Steps that write to different offsets of one thing write
   * different parts of it: they are the pieces of one value.
   */
  next(accesses: readonly Access[]): number {
    const round = accesses.reduce((least, access) => Math.max(least, this.#after(access)), 0);
    for (const access of accesses) this.#note(access, round);
    return round;
  }

  #historyOf(what: object | string): History {
    const known = this.#histories.get(what) ?? { read: -1, written: new Map<number, number>() };
    this.#histories.set(what, known);
    return known;
  }

  #after({ what, offsetBytes, written }: Access): number {
    const history = this.#historyOf(what);
    if (!written) return Math.max(-1, ...history.written.values()) + 1;
    return Math.max(history.read, history.written.get(offsetBytes) ?? -1) + 1;
  }

  #note({ what, offsetBytes, written }: Access, round: number): void {
    const history = this.#historyOf(what);
    if (written) history.written.set(offsetBytes, round);
    else history.read = Math.max(history.read, round);
  }
}
