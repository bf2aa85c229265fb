/**
 * Blocks of attention: some tokens and heads whose scores fit in the accumulators. Where a token has its own
 * rows it is a block by itself, and heads go on together as far as they fit.
 */
import { CapacityError } from '../../../base/index.ts';
import { lastDim, type Node, wholeBlocks } from '../../../ir/index.ts';
import type { Context } from './context.ts';
import type { Source } from './stateRows.ts';
import type { Ref } from './tiles.ts';

/** Tokens and heads whose scores fit in one accumulator bank, and their results in all. */
export interface Block {
  readonly source: Source;
  readonly sequence: number;
  readonly first: number;
  readonly tokens: number;
  /** Query heads that share the keys. */
  readonly firstHead: number;
  readonly heads: number;
  /** Columns of scores, whole blocks of 32: later ones have no part in it. */
  readonly reach: number;
  /** Columns that the softmax may see; all when absent. */
  readonly most?: number;
  /** What is visible, as the instruction says; a column a position when absent. */
  readonly visible?: { readonly always: number; readonly shift: number };
  /** What is done to scores before their softmax; row (t, j) at (t · heads + j) · stride. */
  readonly adjust?: (scores: Ref, stride: number) => void;
}

/** Tokens of `heads` heads whose scores of `columns` fit. Throws CapacityError when none do. */
export function blockTokens(
  { chip: { accumulator } }: Context,
  { label, type }: Node,
  heads: number,
  columns: number,
): number {
  const { sizeBytes, banks } = accumulator;
  const bank = sizeBytes / banks;
  const [scores, results] = [heads * columns * 4, heads * wholeBlocks(lastDim(type)) * 4];
  const fit = Math.min(Math.floor(bank / scores), Math.floor(sizeBytes / results));
  if (fit >= 1) return fit;
  throw new CapacityError(
    `one token needs ${scores} bytes of an accumulator bank (${bank} bytes) for scores, and ${results} of all (${sizeBytes} bytes) for results`,
    { where: label, hint: 'use a shorter context or a chip with larger accumulators' },
  );
}

/** First and number of heads that go on together. */
export function headBlocks(
  context: Context,
  attention: Node,
  heads: number,
  columns: number,
): [number, number][] {
  const size = Math.min(heads, blockTokens(context, attention, 1, columns));
  return Array.from({ length: Math.ceil(heads / size) }, (_, i) => [
    i * size,
    Math.min(size, heads - i * size),
  ]);
}
