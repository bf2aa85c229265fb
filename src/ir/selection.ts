/** Interpreter rules of the lightning indexer: which rows of its sequence a token attends to. */
import { type SomeRules, type Step } from './evaluation.ts';
import { type NodeOf } from './graph.ts';
import { f32Of, f32Value, i32Of, i32Value, viewRows, type Value } from './value.ts';

export const SELECTION_RULES: SomeRules<'topRows' | 'blockMeans' | 'blockRows'> = {
  topRows,
  blockMeans,
  blockRows,
};

/** Marks a place that has no row: fewer are visible than places. */
const NO_ROW = -1;

function topRows(
  { attrs: { topK, tokensPerRow = 1 } }: NodeOf<'topRows'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [query, keys, position] = [inputs[0]!, inputs.at(-2)!, inputs.at(-1)!];
  const [B, T, H] = query.shape as [number, number, number, number];
  const weights = inputs.length === 4 ? inputs[1]! : onesOf([B, T, H]);
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

function onesOf(shape: readonly [number, number, number]): Value {
  return f32Value(shape, new Float32Array(shape[0] * shape[1] * shape[2]).fill(1));
}

/** Indices of the `count` largest, or of all, ascending; of equals the first are taken. */
function largest(scores: Float32Array, count: number): number[] {
  const indices = [...scores.keys()];
  if (indices.length <= count) return indices;
  const descending = indices.toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  return descending.slice(0, count).toSorted((a, b) => a - b);
}

/** Means of the blocks of a sequence, of which only those with all of their rows are ever seen. */
function blockMeans(
  { attrs: { tokensPerRow: n } }: NodeOf<'blockMeans'>,
  [rows]: readonly Value[],
  { numerics }: Step,
): Value {
  const [B, capacity, G, K] = rows!.shape as [number, number, number, number];
  const size = G * K;
  const out = new Float32Array(B * capacity * size);
  const share = new Float32Array(n).fill(1 / n);
  for (let b = 0; b < B; b++) {
    const own = f32Of(rows!).subarray(b * capacity * size, (b + 1) * capacity * size);
    for (let block = 0; (block + 1) * n <= capacity; block++) {
      const at = (b * capacity + block) * size;
      const members = own.subarray(block * n * size, (block + 1) * n * size);
      numerics.mix(share, members, size, out.subarray(at, at + size));
    }
  }
  return f32Value(rows!.shape, out);
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
