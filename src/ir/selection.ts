/** Interpreter rules of the lightning indexer: which rows of its sequence a token attends to, and in which blocks they are. */
import type { SomeRules, Step } from './evaluation.ts';
import type { NodeOf } from './graph.ts';
import type { Numerics } from './numerics.ts';
import { partsOfTopRows } from './ops.table.ts';
import { f32Of, i32Of, i32Value, isMxValue, mxOf, viewRows, type Value } from './value.ts';

export const SELECTION_RULES: SomeRules<'topRows' | 'topBlocks' | 'blockRows'> = {
  topRows,
  topBlocks,
  blockRows,
};

/** Marks a place that has no row: fewer are visible than places. */
const NO_ROW = -1;

function topRows(
  { attrs: { topK, tokensPerRow = 1, blockRows = 1 } }: NodeOf<'topRows'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const { blocks } = partsOfTopRows(inputs);
  return choose(inputs, topK, (token) => {
    const scores = scoresOf(inputs, token, tokensPerRow, numerics);
    if (blocks === undefined) return largest(scores, topK);
    const eligible = new Set(i32Of(viewRows(blocks, token, 1)));
    const inside = (row: number): boolean => eligible.has(Math.floor(row / blockRows));
    return largest(scores, topK, [...scores.keys()].filter(inside));
  });
}

/** A block counts as its best row does, one that is no number only if none is; the newest is always in, though it may be short. */
function topBlocks(
  { attrs: { topK, tokensPerRow = 1, blockRows } }: NodeOf<'topBlocks'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  return choose(inputs, topK, (token) => {
    const scores = scoresOf(inputs, token, tokensPerRow, numerics);
    const best = new Float32Array(Math.ceil(scores.length / blockRows)).fill(NaN);
    for (const [row, score] of scores.entries()) {
      const block = Math.floor(row / blockRows);
      if (score > best[block]! || Number.isNaN(best[block])) best[block] = score;
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
  const { q: query, weights, keys, position } = partsOfTopRows(inputs);
  const [, T, H] = query.shape as [number, number, number];
  const [, capacity] = keys.shape as [number, number];
  const b = Math.floor(token / T);
  const count = Math.floor((i32Of(position)[b]! + (token % T) + 1) / tokensPerRow);
  const scores = new Float32Array(count);
  const own = viewRows(query, token * H, H);
  const seen = viewRows(keys, b * capacity, count);
  const given = weights ? f32Of(viewRows(weights, token, 1)) : new Float32Array(H).fill(1);
  if (isMxValue(own)) {
    const request = { query: own.data, weights: given, keys: mxOf(seen) };
    numerics.indexScoresMx(request, scores);
  } else {
    const request = { query: f32Of(own), weights: given, keys: f32Of(seen) };
    numerics.indexScores(request, scores);
  }
  return scores;
}

/**
 * Those of `indices` with the `count` largest scores, or all, ascending; of equals the first are taken, and a
 * NaN is smaller than every number.
 */
function largest(
  scores: Float32Array,
  count: number,
  indices: readonly number[] = [...scores.keys()],
): number[] {
  if (indices.length <= count) return [...indices];
  const isBefore = (a: number, b: number): boolean => {
    const [x, y] = [scores[a]!, scores[b]!];
    return x > y || (Number.isNaN(y) && !Number.isNaN(x));
  };
  const descending = indices.toSorted((a, b) =>
    isBefore(a, b) ? -1 : Number(isBefore(b, a)) || a - b,
  );
  return descending.slice(0, count).toSorted((a, b) => a - b);
}

/** Blocks are ascending, and the rows after the last complete one come behind all of them. */
function blockRows(
  { attrs: { tokensPerRow: n }, type }: NodeOf<'blockRows'>,
  [blocks, position]: readonly Value[],
): Value {
  const [B, T] = blocks!.shape as [number, number];
  const width = type.shape.at(-1) as number;
  const out = new Int32Array(B * T * width).fill(NO_ROW);
  for (let token = 0; token < B * T; token++) {
    const seen = i32Of(position!)[Math.floor(token / T)]! + (token % T) + 1;
    const chosen = [...i32Of(viewRows(blocks!, token, 1))].filter((block) => block >= 0);
    const rest = Math.floor(seen / n) * n;
    const rows = chosen.flatMap((block) => rowsFrom(block * n, n));
    out.set([...rows, ...rowsFrom(rest, seen - rest)], token * width);
  }
  return i32Value([B, T, width], out);
}

function rowsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
