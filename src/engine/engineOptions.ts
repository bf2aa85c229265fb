/** How an engine is set up, and what counts where nothing is said. */
import { UsageError } from '../base/index.ts';
import type { DraftSource } from './draftSource.ts';

export interface EngineOptions {
  /** The most tokens of a sequence. */
  readonly contextTokens: number;
  /** Sequences that run at once, 16 unless said; the device must have as many slots. */
  readonly maxSequences?: number;
  /** Tokens of a block, 16 unless said. */
  readonly blockTokens?: number;
  /** Blocks for all sequences and for beginnings that are kept; as many as the slots can hold unless said. */
  readonly blocks?: number;
  /** Copies of states that steps replace; 4 a slot unless said. */
  readonly snapshots?: number;
  /** What copies of beginnings and of such states may take in the host's memory; 1 GiB unless said. */
  readonly keptBytes?: number;
  /**
   * The most tokens of prompts that are read before those that decode get one more; a block at least, and as many as a
   * program takes unless said. A chunk counts as a block at least, and no more chunks are read than one for each that waited, and one.
   */
  readonly stepTokens?: number;
  /** Whether computed beginnings are kept for others; true unless said. */
  readonly prefixCaching?: boolean;
  /** Guesses what comes next; the graph must then give logits of all tokens. */
  readonly drafts?: DraftSource;
  /**
   * Guesses are made while at most so many sequences decode, 4 unless said: guesses of unequal number cut a
   * batch into several programs, each of which reads all weights.
   */
  readonly draftSequences?: number;
}

/** Those that have a number or a switch by default. */
type Settled = Required<Omit<EngineOptions, 'stepTokens' | 'drafts'>>;

/** Throws UsageError for a count that is none. */
export function withDefaults(options: EngineOptions): Settled {
  const { contextTokens, maxSequences = 16, blockTokens = 16 } = options;
  const { blocks = maxSequences * Math.ceil(contextTokens / blockTokens) } = options;
  const { snapshots = 4 * maxSequences, keptBytes = 2 ** 30 } = options;
  const { prefixCaching = true, draftSequences = 4 } = options;
  const counts = { contextTokens, maxSequences, blockTokens, blocks, draftSequences };
  requireCounts({ ...counts, stepTokens: options.stepTokens ?? 1 });
  return { ...counts, snapshots, keptBytes, prefixCaching };
}

function requireCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count >= 1) continue;
    throw new UsageError(`${name} must be a whole number from 1, not ${count}`, {
      where: 'options of the engine',
    });
  }
}
