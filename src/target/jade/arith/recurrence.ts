/**
 * What carries sequences of tokens: docs/numerics.md, section 4, causalConvolution and gatedDelta. Each
 * operation rounds, and sums go up from their first term, as the instructions mul, add, scale, scaleAdd
 * and mix have them.
 */
import type { DeltaRequest } from '../../../ir/index.ts';
import { exp } from './functions.ts';

const { fround } = Math;

/** One token of every channel: out[c] = Σ_j weight[c][j] · window[j][c], j ascending. */
export function convolve(window: Float32Array, weight: Float32Array, out: Float32Array): void {
  const [C, W] = [out.length, weight.length / out.length];
  for (let c = 0; c < C; c++) {
    let sum = fround(window[c]! * weight[c * W]!);
    for (let j = 1; j < W; j++) {
      sum = fround(sum + fround(window[j * C + c]! * weight[c * W + j]!));
    }
    out[c] = sum;
  }
}

/** The rows [T][V] of one head, token by token whatever the chunk, and the state S [K][V] after them. */
export function gatedDelta(request: DeltaRequest, out: Float32Array): void {
  const { state, query, key, value, decay, beta } = request;
  const T = beta.length;
  const [K, V] = [key.length / T, value.length / T];
  const queries = query.map((x) => x * fround(request.scale));
  for (let t = 0; t < T; t++) {
    const forget = exp(decay[t]!);
    for (let i = 0; i < state.length; i++) state[i] = forget * state[i]!;
    const change = value.slice(t * V, (t + 1) * V);
    for (let k = 0; k < K; k++) addScaled(change, -key[t * K + k]!, state, k * V);
    for (let n = 0; n < V; n++) change[n] = beta[t]! * change[n]!;
    for (let k = 0; k < K; k++) {
      addScaled(state.subarray(k * V, (k + 1) * V), key[t * K + k]!, change, 0);
    }
    const read = out.subarray(t * V, (t + 1) * V).fill(0);
    for (let k = 0; k < K; k++) addScaled(read, queries[t * K + k]!, state, k * V);
  }
}

/** out[n] = fround(out[n] + fround(factor · row[from + n])). */
function addScaled(out: Float32Array, factor: number, row: Float32Array, from: number): void {
  for (let n = 0; n < out.length; n++) out[n] = out[n]! + fround(factor * row[from + n]!);
}
