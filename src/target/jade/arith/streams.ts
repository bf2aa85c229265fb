/**
 * Residual streams and memory by n-gram, token by token: docs/numerics.md, section 4. Each is a sequence of
 * row functions, one for each instruction that the chip runs for it.
 */
import type { HyperConnectionAttrs, NGramGateRequest } from '../../../ir/index.ts';
import { divide, sigmoid, signedRoot } from './functions.ts';
import { laneSum } from './reduce.ts';
import { rmsRow, scaleAddRow, softmaxRow, type Row } from './rows.ts';

const { fround } = Math;

/** The least that the agreement of a stream and a key counts as before its root is taken. */
export const LEAST_AGREEMENT = fround(1e-6);

/** Σ a · b: the products round, then their sum on `lanes` lanes. */
export function dotRow(a: Float32Array, b: Float32Array, lanes: number): number {
  const products = a.map((x, i) => x * b[i]!);
  return laneSum(products, 0, products.length, lanes);
}

/** out (m,D) = coefficients (m,n) · x (n,D), from +0, n ascending; each product rounds, then each sum. */
export function mixStreams(
  coefficients: Float32Array,
  x: Float32Array,
  D: number,
  out: Float32Array,
): void {
  const n = x.length / D;
  out.fill(0);
  for (const [i, factor] of coefficients.entries()) {
    const [from, to] = [(i % n) * D, Math.floor(i / n) * D];
    scaleAddRow({ values: x, offset: from }, factor, D, { values: out, offset: to });
  }
}

/** How much of a memory a stream takes: σ of the signed root of d = Σ (x̂·w)·(k̂·v) / √D, ½ of d = 0. */
export function agreement(
  { x, key, weights: [w, v], epsilon }: NGramGateRequest,
  lanes: number,
): number {
  const D = x.length;
  const [stream, memory] = [normal(x, w, epsilon, lanes), normal(key, v, epsilon, lanes)];
  const d = fround(dotRow(stream, memory, lanes) * fround(D ** -0.5));
  return sigmoid(signedRoot(d, LEAST_AGREEMENT));
}

function normal(x: Float32Array, w: Float32Array, epsilon: number, lanes: number): Float32Array {
  const out = new Float32Array(x.length);
  rmsRow(rowOf(x), rowOf(w), x.length, epsilon, fround(1 / x.length), lanes, rowOf(out));
  return out;
}

/** [pre (n) | post (n) | combᵀ (n,n)], or pre alone. */
export function streamCoefficients(
  x: Float32Array,
  scale: Float32Array,
  base: Float32Array,
  { streams: n, iterations, epsilon }: HyperConnectionAttrs,
  lanes: number,
  out: Float32Array,
): void {
  const least = fround(epsilon);
  const scores = x.map((value, i) => fround(value * scale[Math.min(Math.floor(i / n), 2)]!));
  for (const [i, value] of base.entries()) scores[i]! += value;
  for (let i = 0; i < n; i++) out[i] = sigmoid(scores[i]!) + least;
  if (x.length === n) return;
  for (let i = n; i < 2 * n; i++) out[i] = 2 * sigmoid(scores[i]!);
  const frame = framed(scores.subarray(2 * n), n, least, lanes);
  divideColumns(frame, n);
  for (let i = 1; i < iterations; i++) {
    divideRows(frame, n, lanes);
    divideColumns(frame, n);
  }
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < n; k++) out[2 * n + k * n + j] = frame[j * (n + 1) + k]!;
  }
}

/** The softmax of each row, + ε, in a frame (n+1,n+1) whose last row and column are ε: sums take it along. */
function framed(scores: Float32Array, n: number, epsilon: number, lanes: number): Float32Array {
  const frame = new Float32Array((n + 1) ** 2).fill(epsilon);
  for (let j = 0; j < n; j++) {
    const row = { values: frame, offset: j * (n + 1) };
    softmaxRow({ values: scores, offset: j * n }, n, n, 1, lanes, row);
    for (let k = 0; k < n; k++) frame[row.offset + k]! += epsilon;
  }
  return frame;
}

/** Each column by its sum, ascending from +0, ε last. */
function divideColumns(frame: Float32Array, n: number): void {
  const sums = rowOf(new Float32Array(n));
  for (let j = 0; j <= n; j++) {
    scaleAddRow({ values: frame, offset: j * (n + 1) }, 1, n, sums);
  }
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < n; k++) {
      const at = j * (n + 1) + k;
      frame[at] = divide(frame[at]!, sums.values[k]!);
    }
  }
}

/** Each row by its sum, in the order of the lanes, ε as its last element. */
function divideRows(frame: Float32Array, n: number, lanes: number): void {
  for (let j = 0; j < n; j++) {
    const at = j * (n + 1);
    const factor = divide(1, laneSum(frame, at, n + 1, lanes));
    for (let k = 0; k < n; k++) frame[at + k]! *= factor;
  }
}

function rowOf(values: Float32Array): Row {
  return { values, offset: 0 };
}
