/**
 * Float numerics of DeepSeek-V4: f32 values, every sum and function in f64, rounded once at the end.
 *
 * Sinkhorn's iteration [1]: rows by softmax, + ε, columns divided by their sums; then rows and columns
 * in turn, iterations − 1 times, each sum + ε, which brings both towards 1.
 *
 * [1] https://github.com/deepseek-ai/TileKernels, tile_kernels/torch/mhc.py
 */
import type { PoolRequest } from './numerics.ts';
import type { HyperConnectionAttrs } from './ops.table.ts';

/** out[k] = Σ_j softmax_j(gate_j[k] + bias_j[k]) · value_j[k]: each channel weighs the tokens by itself. */
export function pool(request: PoolRequest, out: Float32Array): void {
  const { K, overlap, first } = request;
  for (let k = 0; k < K; k++) {
    const current = tokensOf(request, overlap ? 1 : 0, k);
    const tokens = overlap && !first ? [...tokensOf(request, 0, k), ...current] : current;
    const largest = Math.max(...tokens.map(({ gate }) => gate));
    let [sum, total] = [0, 0];
    for (const { gate, value } of tokens) {
      const power = Math.exp(gate - largest);
      sum += power * value;
      total += power;
    }
    out[k] = sum / total;
  }
}

/** Gates and values of channel k: of the last window of tokens, in the half that counts for it. */
function tokensOf(
  { rows, bias, K, overlap }: PoolRequest,
  half: 0 | 1,
  k: number,
): { readonly gate: number; readonly value: number }[] {
  const width = overlap ? 2 * K : K; // of the values, and of the gates behind them
  const ratio = bias.length / width;
  const window = overlap ? half : 0; // the window before has the first half, the current one the second
  return Array.from({ length: ratio }, (_, j) => {
    const at = (window * ratio + j) * 2 * width + half * K + k;
    return { gate: rows[at + width]! + bias[j * width + half * K + k]!, value: rows[at]! };
  });
}

/** [pre (n) | post (n) | combᵀ (n,n)] of one token, or pre alone. */
export function hyperConnection(
  x: Float32Array,
  scale: Float32Array,
  base: Float32Array,
  { streams: n, iterations, epsilon }: HyperConnectionAttrs,
  out: Float32Array,
): void {
  const score = (i: number): number => x[i]! * scale[Math.min(Math.floor(i / n), 2)]! + base[i]!;
  for (let i = 0; i < n; i++) out[i] = sigmoid(score(i)) + epsilon;
  if (x.length === n) return;
  for (let i = n; i < 2 * n; i++) out[i] = 2 * sigmoid(score(i));
  const comb = Float64Array.from({ length: n * n }, (_, i) => score(2 * n + i));
  sinkhorn(comb, n, iterations, epsilon);
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < n; k++) out[2 * n + k * n + j] = comb[j * n + k]!;
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** In place, scores to a matrix whose rows and columns add up to almost 1. */
function sinkhorn(matrix: Float64Array, n: number, iterations: number, epsilon: number): void {
  const rows = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => i * n + j));
  const columns = Array.from({ length: n }, (_, j) => rows.map((row) => row[j]!));
  for (const row of rows) {
    const largest = Math.max(...row.map((i) => matrix[i]!));
    for (const i of row) matrix[i] = Math.exp(matrix[i]! - largest);
    divideBySum(matrix, row, 0);
    for (const i of row) matrix[i]! += epsilon;
  }
  for (const column of columns) divideBySum(matrix, column, epsilon);
  for (let iteration = 1; iteration < iterations; iteration++) {
    for (const line of [...rows, ...columns]) divideBySum(matrix, line, epsilon);
  }
}

function divideBySum(matrix: Float64Array, line: readonly number[], epsilon: number): void {
  const sum = line.reduce((total, i) => total + matrix[i]!, epsilon);
  for (const i of line) matrix[i]! /= sum;
}

/** out (m,D) = coefficients (m,n) · x (n,D). */
export function mix(
  coefficients: Float32Array,
  x: Float32Array,
  D: number,
  out: Float32Array,
): void {
  const n = x.length / D;
  for (let m = 0; m * D < out.length; m++) {
    for (let d = 0; d < D; d++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += coefficients[m * n + i]! * x[i * D + d]!;
      out[m * D + d] = sum;
    }
  }
}
