/** Interpreter rules of the lightning indexer: which rows of its sequence a token attends to, and in which blocks they are. */
import { type SomeRules, type Step } from './evaluation.ts';
import { type NodeOf } from './graph.ts';
import { type Numerics } from './numerics.ts';
import { f32Of, i32Of, i32Value, viewRows, type Value } from './value.ts';

export const SELECTION_RULES: SomeRules<'topRows' | 'topBlocks'> = { topRows, topBlocks };

/** Marks a place that has no row: fewer are visible than places. */
const NO_ROW = -1;

function topRows(
  { attrs: { topK, tokensPerRow = 1, blockRows = 1 } }: NodeOf<'topRows'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const blocks = inputs[4];
  return choose(inputs, topK, (token) => {
    const scores = scoresOf(inputs, token, tokensPerRow, numerics);
    if (blocks === undefined) return largest(scores, topK);
    const eligible = new Set(i32Of(viewRows(blocks, token, 1)));
    const inside = (row: number): boolean => eligible.has(Math.floor(row / blockRows));
    return largest(scores, topK, [...scores.keys()].filter(inside));
  });
}

/** A block counts as its best row does; the newest is always in, though it may be short. */
function topBlocks(
  { attrs: { topK, tokensPerRow = 1, blockRows } }: NodeOf<'topBlocks'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  return choose(inputs, topK, (token) => {
    const scores = scoresOf(inputs, token, tokensPerRow, numerics);
    const best = new Float32Array(Math.ceil(scores.length / blockRows)).fill(-Infinity);
    for (const [row, score] of scores.entries()) {
      const block = Math.floor(row / blockRows);
      best[block] = Math.max(best[block]!, score);
    }
    if (best.length > 0) best[best.length - 1] = Infinity;
    return largest(best, topK);
  });
}

/** i32 (B,T,topK) of what is chosen for each token. */
function choose(
  [query]: readonly Value[],
  topK: number,
  chosenOf: (token: number) => number[],
): Value {
  const [B, T] = query!.shape as [number, number];
  const out = new Int32Array(B * T * topK).fill(NO_ROW);
  for (let token = 0; token < B * T; token++) out.set(chosenOf(token), token * topK);
  return i32Value([B, T, topK], out);
}

/** Scores of the rows that a token sees. */
function scoresOf(
  inputs: readonly Value[],
  token: number,
  tokensPerRow: number,
  numerics: Numerics,
): Float32Array {
  const [query, weights, keys, position] = inputs as [Value, Value, Value, Value];
  const [, T, H] = query.shape as [number, number, number];
  const [, capacity, , K] = keys.shape as [number, number, number, number];
  const b = Math.floor(token / T);
  const count = Math.floor((i32Of(position)[b]! + (token % T) + 1) / tokensPerRow);
  const scores = new Float32Array(count);
  const request = {
    query: f32Of(viewRows(query, token * H, H)),
    weights: f32Of(viewRows(weights, token, 1)),
    keys: f32Of(keys).subarray(b * capacity * K, (b * capacity + count) * K),
  };
  numerics.indexScores(request, scores);
  return scores;
}

/** Those of `indices` with the `count` largest scores, or all, ascending; of equals the first are taken. */
function largest(
  scores: Float32Array,
  count: number,
  indices: readonly number[] = [...scores.keys()],
): number[] {
  if (indices.length <= count) return [...indices];
  const descending = indices.toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  return descending.slice(0, count).toSorted((a, b) => a - b);
}
