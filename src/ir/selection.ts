/** Interpreter rule of the lightning indexer: which rows of its sequence a token attends to. */
import { type SomeRules, type Step } from './evaluation.ts';
import { type NodeOf } from './graph.ts';
import { f32Of, i32Of, i32Value, viewRows, type Value } from './value.ts';

export const SELECTION_RULES: SomeRules<'topRows'> = { topRows };

/** Marks a place that has no row: fewer are visible than places. */
const NO_ROW = -1;

function topRows(
  { attrs: { topK, tokensPerRow = 1 } }: NodeOf<'topRows'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [query, weights, keys, position] = inputs as [Value, Value, Value, Value];
  const [B, T, H] = query.shape as [number, number, number, number];
  const [, capacity, , K] = keys.shape as [number, number, number, number];
  const out = new Int32Array(B * T * topK).fill(NO_ROW);
  for (let token = 0; token < B * T; token++) {
    const b = Math.floor(token / T);
    const count = Math.floor((i32Of(position)[b]! + (token % T) + 1) / tokensPerRow);
    const scores = new Float32Array(count);
    const request = {
      query: f32Of(viewRows(query, token * H, H)),
      weights: f32Of(viewRows(weights, token, 1)),
      keys: f32Of(keys).subarray(b * capacity * K, (b * capacity + count) * K),
    };
    numerics.indexScores(request, scores);
    out.set(largest(scores, topK), token * topK);
  }
  return i32Value([B, T, topK], out);
}

/** Indices of the `count` largest, or of all, ascending; of equals the first are taken. */
function largest(scores: Float32Array, count: number): number[] {
  const indices = [...scores.keys()];
  if (indices.length <= count) return indices;
  const descending = indices.toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  return descending.slice(0, count).toSorted((a, b) => a - b);
}
