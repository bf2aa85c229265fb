/** Embedding and reranking: one number or one row for a text instead of more text. */
import { UsageError } from '../base/index.ts';
import type { ModelRunner } from './modelRunner.ts';

/**
 * The embedding of `tokens` by a graph with `head: 'embedding'`, of length 1. With `dimensions` only its
 * first numbers, made of length 1 again: the models are trained so that these serve as well
 * (Matryoshka, arXiv:2205.13147). Throws what feeding throws.
 */
export function embed(
  runner: ModelRunner,
  tokens: readonly number[],
  dimensions?: number,
): Float32Array {
  const row = lastRow(runner, tokens);
  if (dimensions === undefined) return row;
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > row.length) {
    throw new UsageError(
      `dimensions must be a whole number from 1 to ${row.length}, not ${dimensions}`,
    );
  }
  const first = row.subarray(0, dimensions);
  const length = Math.sqrt(first.reduce((sum, x) => sum + x * x, 0));
  return first.map((x) => x / length);
}

/** How likely `yes` follows the tokens rather than `no`, from 0 to 1: softmax of the two logits. */
export function relevance(
  runner: ModelRunner,
  tokens: readonly number[],
  { yes, no }: { readonly yes: number; readonly no: number },
): number {
  const logits = lastRow(runner, tokens);
  return 1 / (1 + Math.exp(logits[no]! - logits[yes]!));
}

/** What the graph gives for the last of the tokens of a new sequence. */
function lastRow(runner: ModelRunner, tokens: readonly number[]): Float32Array {
  if (tokens.length === 0) {
    throw new UsageError('a text must have at least one token', { hint: 'give some text' });
  }
  runner.reset();
  const last = [...runner.feed(tokens)].at(-1)!;
  return last.logits.slice(-last.logits.length / last.next.length);
}
