/** Interpreter rules of the contractions: f32 or MX operands, whichever the graph says. */
import type { SomeRules, Step } from './evaluation.ts';
import type { NodeOf } from './graph.ts';
import type { AttendRequest, Numerics } from './numerics.ts';
import { quantized, swiglu } from './arithmetic.ts';
import {
  f32Of,
  f32Value,
  gatherRows,
  i32Of,
  isMxValue,
  mxOf,
  rowCount,
  viewRows,
  type Value,
} from './value.ts';
import { isMx, MX_BLOCK } from './types.ts';

type ContractionOp = 'linear' | 'headLinear' | 'attention' | 'experts';

export const CONTRACTION_RULES: SomeRules<ContractionOp> = {
  linear: (_, [x, w], { numerics }) =>
    f32Value([...x!.shape.slice(0, -1), w!.shape[0]!], contract(x!, w!, numerics)),
  headLinear,
  attention,
  experts,
};

/** All rows of x (M,K) times all rows of w (N,K): [M][N]. */
function contract(x: Value, w: Value, numerics: Numerics): Float32Array {
  const [M, N] = [rowCount(x), rowCount(w)];
  const out = new Float32Array(M * N);
  if (isMxValue(x)) numerics.linearMx(x.data, mxOf(w), out);
  else numerics.linear(f32Of(x), f32Of(w), M, N, w.shape.at(-1)!, out);
  return out;
}

function headLinear(_: unknown, [x, w]: readonly Value[], { numerics }: Step): Value {
  const [B, T, given] = x!.shape as [number, number, number, number];
  const [H, N] = w!.shape as [number, number, number];
  const out = new Float32Array(B * T * H * N);
  for (let h = 0; h < H; h++) {
    const rows = Array.from({ length: B * T }, (_, t) => t * given + (given === 1 ? 0 : h));
    const result = contract(gatherRows(x!, rows), viewRows(w!, h * N, N), numerics);
    for (let t = 0; t < B * T; t++) {
      out.set(result.subarray(t * N, (t + 1) * N), (t * H + h) * N);
    }
  }
  return f32Value([B, T, H, N], out);
}

/** Token t of sequence b sees the rows 0 … position[b] + t of that sequence. */
function attention(node: NodeOf<'attention'>, inputs: readonly Value[], step: Step): Value {
  const [query, keys, values, position, chosen] = inputs as [Value, Value, Value, Value, Value?];
  if (chosen !== undefined) return attendChosen(node, [query, keys, values, chosen], step);
  const { attrs } = node;
  const [B, T, H, keyWidth] = query.shape as [number, number, number, number];
  const [, capacity, G, width] = values.shape as [number, number, number, number];
  const out = f32Value([B, T, H, attrs.valueWidth], new Float32Array(B * T * H * attrs.valueWidth));
  for (let row = 0; row < B * T * H; row++) {
    const token = Math.floor(row / H);
    const b = Math.floor(token / T);
    const group = b * capacity * G + Math.floor(((row % H) * G) / H);
    const place = {
      queryOffset: row * keyWidth,
      keyOffset: group * keyWidth,
      keyStride: G * keyWidth,
      valueOffset: group * width,
      valueStride: G * width,
      keyWidth,
      valueWidth: attrs.valueWidth,
      count: i32Of(position)[b]! + (token % T) + 1,
      scale: attrs.scale,
    };
    attend(query, keys, values, place, step.numerics, f32Of(viewRows(out, row, 1)));
  }
  return out;
}

/** Token t of a sequence sees the rows chosen for it, in that order; a negative row is none. */
function attendChosen(
  { attrs: { scale, valueWidth } }: NodeOf<'attention'>,
  [query, keys, values, chosen]: readonly [Value, Value, Value, Value],
  { numerics }: Step,
): Value {
  const [B, T, H, keyWidth] = query.shape as [number, number, number, number];
  const [, capacity, G, width] = values.shape as [number, number, number, number];
  const out = f32Value([B, T, H, valueWidth], new Float32Array(B * T * H * valueWidth));
  const zeros = { keyOffset: 0, valueOffset: 0 };
  const strides = { keyWidth, valueWidth, keyStride: keyWidth, valueStride: width };
  for (let token = 0; token < B * T; token++) {
    const rows = [...i32Of(viewRows(chosen, token, 1))].filter((row) => row >= 0);
    const first = Math.floor(token / T) * capacity;
    for (let g = 0; g < G; g++) {
      const places = rows.map((row) => (first + row) * G + g);
      const [key, value] = [gatherRows(keys, places), gatherRows(values, places)];
      for (let row = token * H + (g * H) / G; row < token * H + ((g + 1) * H) / G; row++) {
        const place = {
          ...zeros,
          ...strides,
          queryOffset: row * keyWidth,
          count: rows.length,
          scale,
        };
        attend(query, key, value, place, numerics, f32Of(viewRows(out, row, 1)));
      }
    }
  }
  return out;
}

export type Place = Omit<AttendRequest<never>, 'query' | 'keys' | 'values'>;

/** One query head, in f32 or MX. */
export function attend(
  query: Value,
  keys: Value,
  values: Value,
  place: Place,
  numerics: Numerics,
  out: Float32Array,
): void {
  if (isMxValue(query)) {
    const request = { ...place, query: query.data, keys: mxOf(keys), values: mxOf(values) };
    numerics.attendMx(request, out);
  } else {
    const request = { ...place, query: f32Of(query), keys: f32Of(keys), values: f32Of(values) };
    numerics.attend(request, out);
  }
}

/** Expert by expert, ascending: each reads its weights once, for the tokens that chose it. */
function experts(
  { attrs: { limit } }: NodeOf<'experts'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [x, gates, gate, up, down] = inputs as [Value, Value, Value, Value, Value];
  const [E, F] = gate.shape as [number, number];
  const D = down.shape[1]!;
  const gateOf = f32Of(gates);
  const out = new Float32Array(rowCount(x) * D);
  for (let e = 0; e < E; e++) {
    const tokens = tokensOf(gateOf, E, e);
    if (tokens.length === 0) continue;
    const rows = gatherRows(x, tokens);
    const weights = [gate, up].map((w) => contract(rows, viewRows(w, e * F, F), numerics));
    const inner = f32Value([tokens.length, F], swiglu(weights[0]!, weights[1]!, numerics, limit));
    const y = contract(matchFormat(inner, x, numerics), viewRows(down, e * D, D), numerics);
    for (const [i, t] of tokens.entries()) {
      addScaled(out, t * D, gateOf[t * E + e]!, y.subarray(i * D, (i + 1) * D));
    }
  }
  return f32Value([...x.shape.slice(0, -1), D], out);
}

/** Tokens with a gate for expert e. */
function tokensOf(gates: Float32Array, E: number, e: number): number[] {
  const tokens: number[] = [];
  for (let t = 0; t * E < gates.length; t++) if (gates[t * E + e] !== 0) tokens.push(t);
  return tokens;
}

/** The inner activation in the format of x: quantised again in single blocks where x is MX. */
function matchFormat(inner: Value, { dtype }: Value, numerics: Numerics): Value {
  return isMx(dtype) ? quantized(inner, { format: dtype, group: MX_BLOCK }, numerics) : inner;
}

/** out[at + i] += scale · row[i], each operation rounded. */
function addScaled(out: Float32Array, at: number, scale: number, row: Float32Array): void {
  for (let i = 0; i < row.length; i++) out[at + i]! += Math.fround(scale * row[i]!);
}
