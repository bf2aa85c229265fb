/**
 * Interpreter rules of attention with a window and compressed entries, and of the compressor that pools
 * them. Each keeps the last rows of its own in a state that a step replaces.
 */
import { type SomeRules, type Step } from './evaluation.ts';
import { type NodeOf } from './graph.ts';
import { statesOf } from './recurrence.ts';
import { f32Of, f32Value, i32Of, viewRows, type Value } from './value.ts';

export const COMPRESSION_RULES: SomeRules<'compress' | 'windowAttention'> = {
  compress,
  windowAttention,
};

/** The rows that the state holds and those of the step behind them; the state keeps the last. */
function withPast(past: Float32Array, rows: Float32Array): Float32Array {
  const all = new Float32Array(past.length + rows.length);
  all.set(past);
  all.set(rows, past.length);
  past.set(all.subarray(rows.length));
  return all;
}

/** Rows of a sequence of the batch: a plane of `x` for each. */
function planeOf(x: Value, b: number): Float32Array {
  const size = f32Of(x).length / x.shape[0]!;
  return f32Of(x).subarray(b * size, (b + 1) * size);
}

/** A pooled entry where a token ends its window, zeros elsewhere. */
function compress(
  { attrs: { tokensPerRow, overlap } }: NodeOf<'compress'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [state, rows, position, given] = inputs as [Value, Value, Value, Value?];
  const [B, T, C] = rows.shape as [number, number, number];
  const K = C / (overlap ? 4 : 2);
  const bias = given ? f32Of(given) : new Float32Array((tokensPerRow * C) / 2);
  const spanned = state.shape[1]! + 1;
  const out = new Float32Array(B * T * K);
  for (const [b, past] of statesOf(state, position).entries()) {
    const all = withPast(past, planeOf(rows, b));
    for (let t = 0; t < T; t++) {
      const end = i32Of(position)[b]! + t + 1;
      if (end % tokensPerRow !== 0) continue;
      const window = all.subarray(t * C, (t + spanned) * C);
      const request = { rows: window, bias, K, overlap, first: end === tokensPerRow };
      numerics.pool(request, out.subarray((b * T + t) * K, (b * T + t + 1) * K));
    }
  }
  return f32Value([B, T, K], out);
}

/** Token t sees the last rows of its sequence, itself included, and entries: those chosen or all complete. */
function windowAttention(
  { attrs: { scale, tokensPerRow = 1 } }: NodeOf<'windowAttention'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [state, query, rows, sinks, position] = inputs as [Value, Value, Value, Value, Value];
  const [entries, chosen] = inputs.slice(5);
  const [B, T, H, K] = query.shape as [number, number, number, number];
  const window = state.shape[1]!;
  const out = f32Value([B, T, H, K], new Float32Array(B * T * H * K));
  for (const [b, past] of statesOf(state, position).entries()) {
    const all = withPast(past, planeOf(rows, b));
    for (let t = 0; t < T; t++) {
      const seen = i32Of(position)[b]! + t + 1;
      const own = all.subarray((window + t + 1 - Math.min(window, seen)) * K, (window + t + 1) * K);
      const complete = Math.floor(seen / tokensPerRow);
      const keys = withEntries(
        own,
        entries && planeOf(entries, b),
        K,
        rowsOf(chosen, b * T + t, complete),
      );
      const place = { keyOffset: 0, valueOffset: 0, keyStride: K, valueStride: K, keyWidth: K };
      for (let h = 0; h < H; h++) {
        const row = (b * T + t) * H + h;
        const offsets = { ...place, queryOffset: row * K, valueWidth: K, count: keys.length / K };
        const values = { query: f32Of(query), keys, values: keys, sink: f32Of(sinks)[h]! };
        numerics.attend({ ...offsets, ...values, scale }, f32Of(viewRows(out, row, 1)));
      }
    }
  }
  return out;
}

/** The entries a token sees: of those chosen for it, or without a choice of all, the complete ones. */
function rowsOf(chosen: Value | undefined, token: number, complete: number): number[] {
  if (chosen === undefined) return Array.from({ length: complete }, (_, i) => i);
  return [...i32Of(viewRows(chosen, token, 1))].filter((row) => row >= 0 && row < complete);
}

function withEntries(
  own: Float32Array,
  entries: Float32Array | undefined,
  K: number,
  rows: readonly number[],
): Float32Array {
  if (entries === undefined) return own;
  const keys = new Float32Array(own.length + rows.length * K);
  keys.set(own);
  for (const [i, row] of rows.entries()) {
    keys.set(entries.subarray(row * K, (row + 1) * K), own.length + i * K);
  }
  return keys;
}
