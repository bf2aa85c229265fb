/**
 * Interpreter rules of attention with a window and compressed entries, and of the compressor that pools
 * them. Each keeps the last rows of its own in a state that a step replaces.
 */
import { attend } from './contraction.ts';
import type { SomeRules, Step } from './evaluation.ts';
import type { NodeOf } from './graph.ts';
import { statesOf } from './recurrence.ts';
import {
  allocateValue,
  copyElements,
  f32Of,
  f32Value,
  i32Of,
  rowCount,
  viewRows,
  type Value,
} from './value.ts';

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
    const all = withPast(past, f32Of(viewRows(rows, b * T, T)));
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
  const room = state.shape[1]!;
  const out = f32Value([B, T, H, K], new Float32Array(B * T * H * K));
  for (let b = 0; b < B; b++) {
    const all = movedOn(state, rows, b);
    for (let t = 0; t < T; t++) {
      const seen = i32Of(position)[b]! + t + 1;
      const count = Math.min(room, seen);
      const own = viewRows(all, room + t + 1 - count, count);
      const complete = Math.floor(seen / tokensPerRow);
      const read = entries ? rowsOf(chosen, b * T + t, complete) : [];
      const keys = withEntries(own, entries && planeOf(entries, b), read);
      const place = { keyOffset: 0, valueOffset: 0, keyStride: K, valueStride: K, keyWidth: K };
      for (let h = 0; h < H; h++) {
        const row = (b * T + t) * H + h;
        const offsets = { ...place, queryOffset: row * K, valueWidth: K, count: rowCount(keys) };
        const sink = f32Of(sinks)[h]!;
        const request = { ...offsets, scale, sink, window: { count, room } };
        attend(query, keys, keys, request, numerics, f32Of(viewRows(out, row, 1)));
      }
    }
  }
  return out;
}

/** The rows of sequence `b` that the state holds and those of the step behind them; the state keeps the last. */
function movedOn(state: Value, rows: Value, b: number): Value {
  const [room, T, K] = [state.shape[1]!, rows.shape[1]!, rows.shape.at(-1)!];
  const past = viewRows(state, b * room, room);
  const all = allocateValue(state.dtype, [room + T, K]);
  copyElements(past, 0, all, 0, room * K);
  copyElements(rows, b * T * K, all, room * K, T * K);
  copyElements(all, T * K, past, 0, room * K);
  return all;
}

/** Rows of a sequence of the batch. */
function planeOf(x: Value, b: number): Value {
  const rows = rowCount(x) / x.shape[0]!;
  return viewRows(x, b * rows, rows);
}

/** The entries a token sees: of those chosen for it, or without a choice of all, the complete ones. */
function rowsOf(chosen: Value | undefined, token: number, complete: number): number[] {
  if (chosen === undefined) return Array.from({ length: complete }, (_, i) => i);
  return [...i32Of(viewRows(chosen, token, 1))].filter((row) => row >= 0 && row < complete);
}

function withEntries(own: Value, entries: Value | undefined, rows: readonly number[]): Value {
  if (entries === undefined) return own;
  const [count, K] = own.shape as [number, number];
  const keys = allocateValue(own.dtype, [count + rows.length, K]);
  copyElements(own, 0, keys, 0, count * K);
  for (const [i, row] of rows.entries()) copyElements(entries, row * K, keys, (count + i) * K, K);
  return keys;
}
