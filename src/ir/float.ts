/**
 * Float numerics, the judge: f32 values, every sum and function in f64, rounded once at the end.
 *
 * Sums run in ascending order whatever the number of rows, so a prompt in one piece and in chunks
 * gives the same bits. MX operands are decoded first: their rounding to f32 is the only difference.
 */
import { nGramGate } from './floatNGram.ts';
import { hyperConnection, mix, pool } from './floatCompression.ts';
import { gatedDelta } from './gatedDelta.ts';
import { decodeMx, quantizeMxRow } from './mx.ts';
import type { AttendRequest, IndexRequest, MxRows, Numerics } from './numerics.ts';
import { gatesOf, routeGates } from './route.ts';

export const floatNumerics: Numerics = {
  name: 'float',
  embed: (row, out) => out.set(row),
  linear,
  linearMx,
  attend,
  attendMx,
  rmsNormalization,
  layerNormalization,
  indexScores,
  indexScoresMx: ({ query, weights, keys }, out) =>
    indexScores({ query: decoded(query), weights, keys: decoded(keys) }, out),
  l2Normalization,
  silu: (x) => Math.fround(x * sigmoid(x)),
  signedRoot: (x, smallest) =>
    Math.sign(x) * Math.fround(Math.sqrt(Math.max(Math.abs(x), smallest))),
  dot: (a, b) => Math.fround(dot(a, 0, b, 0, a.length)),
  sigmoid: (x) => Math.fround(sigmoid(x)),
  softplus: (x) => Math.fround(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  convolve,
  gatedDelta,
  pool,
  hyperConnection,
  mix,
  nGramGate,
  gatesOf,
  route: routeGates,
  quantize: quantizeMxRow,
};

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Four outputs at a time: four independent sums keep the adders busy and share each load of x. */
function linear(
  x: Float32Array,
  w: Float32Array,
  M: number,
  N: number,
  K: number,
  out: Float32Array,
): void {
  const whole = N - (N % 4);
  for (let n = 0; n < whole; n += 4) {
    for (let m = 0; m < M; m++) dotFour(x, m * K, w, n * K, K, out, m * N + n);
  }
  for (let n = whole; n < N; n++) {
    for (let m = 0; m < M; m++) out[m * N + n] = dot(x, m * K, w, n * K, K);
  }
}

function dotFour(
  x: Float32Array,
  xStart: number,
  w: Float32Array,
  wStart: number,
  K: number,
  out: Float32Array,
  at: number,
): void {
  const [w1, w2, w3] = [wStart + K, wStart + 2 * K, wStart + 3 * K];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let k = 0; k < K; k++) {
    const value = x[xStart + k]!;
    s0 += value * w[wStart + k]!;
    s1 += value * w[w1 + k]!;
    s2 += value * w[w2 + k]!;
    s3 += value * w[w3 + k]!;
  }
  out[at] = s0;
  out[at + 1] = s1;
  out[at + 2] = s2;
  out[at + 3] = s3;
}

function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, K: number): number {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += a[aStart + k]! * b[bStart + k]!;
  return sum;
}

function linearMx(x: MxRows, w: MxRows, out: Float32Array): void {
  const decode = (rows: MxRows): Float32Array => decodeMx(rows, 0, rows.elements.length);
  linear(decode(x), decode(w), x.rows, w.rows, x.columns, out);
}

function attend(request: AttendRequest<Float32Array>, out: Float32Array): void {
  const { query, keys, values, count, keyWidth, valueWidth } = request;
  const weights = new Float64Array(count);
  for (let t = 0; t < count; t++) {
    const key = request.keyOffset + t * request.keyStride;
    weights[t] = request.scale * dot(query, request.queryOffset, keys, key, keyWidth);
  }
  softmax(weights, request.sink);
  const sums = new Float64Array(valueWidth);
  for (let t = 0; t < count; t++) {
    const [row, weight] = [request.valueOffset + t * request.valueStride, weights[t]!];
    for (let i = 0; i < valueWidth; i++) sums[i]! += weight * values[row + i]!;
  }
  out.set(sums);
}

function softmax(scores: Float64Array, sink = -Infinity): void {
  let largest = sink;
  for (const score of scores) largest = Math.max(largest, score);
  let sum = 0;
  for (let t = 0; t < scores.length; t++) {
    scores[t] = Math.exp(scores[t]! - largest);
    sum += scores[t]!;
  }
  sum += Math.exp(sink - largest);
  for (let t = 0; t < scores.length; t++) scores[t]! /= sum;
}

/** Decodes the rows that are visible and attends to them. */
function attendMx(request: AttendRequest<MxRows>, out: Float32Array): void {
  const { keyWidth, valueWidth, keyStride, valueStride, count } = request;
  attend(
    {
      ...request,
      query: decodeMx(request.query, request.queryOffset, keyWidth),
      keys: decodeMx(request.keys, request.keyOffset, (count - 1) * keyStride + keyWidth),
      values: decodeMx(request.values, request.valueOffset, (count - 1) * valueStride + valueWidth),
      queryOffset: 0,
      keyOffset: 0,
      valueOffset: 0,
    },
    out,
  );
}

function rmsNormalization(
  x: Float32Array,
  weight: Float32Array,
  epsilon: number,
  out: Float32Array,
): void {
  let squares = 0;
  for (const value of x) squares += value * value;
  const scale = 1 / Math.sqrt(squares / x.length + epsilon);
  for (let i = 0; i < x.length; i++) out[i] = x[i]! * scale * weight[i]!;
}

function layerNormalization(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  epsilon: number,
  out: Float32Array,
): void {
  let sum = 0;
  for (const value of x) sum += value;
  const mean = sum / x.length;
  let squares = 0;
  for (const value of x) squares += (value - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / x.length + epsilon);
  for (let i = 0; i < x.length; i++) out[i] = (x[i]! - mean) * scale * weight[i]! + bias[i]!;
}

function indexScores(
  { query, weights, keys }: IndexRequest<Float32Array>,
  out: Float32Array,
): void {
  const K = query.length / weights.length;
  for (let s = 0; s < out.length; s++) {
    let score = 0;
    for (let h = 0; h < weights.length; h++) {
      score += weights[h]! * Math.max(0, dot(query, h * K, keys, s * K, K));
    }
    out[s] = score;
  }
}

function decoded(rows: MxRows): Float32Array {
  return decodeMx(rows, 0, rows.rows * rows.columns);
}

function l2Normalization(x: Float32Array, epsilon: number, out: Float32Array): void {
  let squares = 0;
  for (const value of x) squares += value * value;
  const scale = 1 / Math.sqrt(squares + epsilon);
  for (let i = 0; i < x.length; i++) out[i] = x[i]! * scale;
}

function convolve(window: Float32Array, weight: Float32Array, out: Float32Array): void {
  const [C, W] = [out.length, weight.length / out.length];
  for (let c = 0; c < C; c++) {
    let sum = 0;
    for (let j = 0; j < W; j++) sum += weight[c * W + j]! * window[j * C + c]!;
    out[c] = sum;
  }
}
