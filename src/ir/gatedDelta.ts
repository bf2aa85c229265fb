/**
 * The gated delta rule of one head [1]: a state S (K,V) that forgets by a factor e^g and learns, at the
 * rate β, to answer a key with its value; a query reads it.
 *
 *   S ← e^g·S      S ← S + k·(β·(v − Sᵀk))ᵀ      o = scale·Sᵀq
 *
 * Sums are in f64; S is rounded to f32 after each token, so any cut of a prompt gives the same bits.
 *
 * [1] Yang, Kautz, Hatamizadeh: Gated Delta Networks, https://arxiv.org/abs/2412.06464
 */
import type { DeltaRequest } from './numerics.ts';

/** Writes the rows (T,V) of one head and changes its state. */
export function gatedDelta(request: DeltaRequest, out: Float32Array): void {
  const T = request.beta.length;
  if (request.chunk === 1) for (let t = 0; t < T; t++) stepOf(request, t, out);
  else for (let t = 0; t < T; t += request.chunk) chunkOf(request, t, out);
}

/** The recurrence itself: token t. */
function stepOf(request: DeltaRequest, t: number, out: Float32Array): void {
  const { state, query, key, value, scale } = request;
  const T = request.beta.length;
  const [K, V] = [key.length / T, value.length / T];
  const [decay, beta] = [Math.exp(request.decay[t]!), request.beta[t]!];
  for (let j = 0; j < V; j++) {
    let known = 0;
    for (let i = 0; i < K; i++) known += decay * state[i * V + j]! * key[t * K + i]!;
    const change = beta * (value[t * V + j]! - known);
    let sum = 0;
    for (let i = 0; i < K; i++) {
      state[i * V + j] = decay * state[i * V + j]! + key[t * K + i]! * change;
      sum += state[i * V + j]! * query[t * K + i]!;
    }
    out[t * V + j] = scale * sum;
  }
}

/**
 * Tokens from `start` on together. With c_i the sum of the decays up to token i of the chunk and S as
 * it was before it, the changes d_i = β_i·(v_i − e^{c_i}·Sᵀk_i) − Σ_{j<i} β_i·(k_i·k_j)·e^{c_i−c_j}·d_j
 * solve a triangular system, and with them
 *
 *   o_i = scale·(e^{c_i}·Sᵀq_i + Σ_{j≤i} (q_i·k_j)·e^{c_i−c_j}·d_j)      S ← e^{c}·S + Σ_i e^{c−c_i}·k_i·d_iᵀ
 */
function chunkOf(request: DeltaRequest, start: number, out: Float32Array): void {
  const { state, query, key, value, beta, scale } = request;
  const T = beta.length;
  const [K, V] = [key.length / T, value.length / T];
  const count = Math.min(request.chunk, T - start);
  const decays = sumsOf(request.decay.subarray(start, start + count));
  const changes = new Float64Array(count * V);
  for (let i = 0; i < count; i++) {
    const t = start + i;
    const from = Math.exp(decays[i]!);
    const known = readState(state, key, t * K, K, V);
    const read = readState(state, query, t * K, K, V);
    for (let n = 0; n < V; n++) {
      changes[i * V + n] = beta[t]! * (value[t * V + n]! - from * known[n]!);
      read[n]! *= from;
    }
    for (let j = 0; j < i; j++) {
      const share = dot(key, t * K, key, (start + j) * K, K) * Math.exp(decays[i]! - decays[j]!);
      addRow(changes, i * V, -beta[t]! * share, changes, j * V, V);
    }
    for (let j = 0; j <= i; j++) {
      const share = dot(query, t * K, key, (start + j) * K, K) * Math.exp(decays[i]! - decays[j]!);
      addRow(read, 0, share, changes, j * V, V);
    }
    for (let n = 0; n < V; n++) out[t * V + n] = scale * read[n]!;
  }
  learn(request, start, decays, changes);
}

/** S after a chunk. */
function learn(
  { state, key, value, beta }: DeltaRequest,
  start: number,
  decays: Float64Array,
  changes: Float64Array,
): void {
  const [K, V] = [key.length / beta.length, value.length / beta.length];
  const total = decays.at(-1)!;
  const row = new Float64Array(V);
  for (let k = 0; k < K; k++) {
    row.fill(0);
    addRow(row, 0, Math.exp(total), state, k * V, V);
    for (const [i, sum] of decays.entries()) {
      addRow(row, 0, Math.exp(total - sum) * key[(start + i) * K + k]!, changes, i * V, V);
    }
    state.set(row, k * V);
  }
}

/** Running sums. */
function sumsOf(values: Float32Array): Float64Array {
  let sum = 0;
  return Float64Array.from(values, (value) => (sum += value));
}

/** Sᵀx for the row x from `at` on. */
function readState(
  state: Float32Array,
  x: Float32Array,
  at: number,
  K: number,
  V: number,
): Float64Array {
  const out = new Float64Array(V);
  for (let i = 0; i < K; i++) addRow(out, 0, x[at + i]!, state, i * V, V);
  return out;
}

function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, K: number): number {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += a[aStart + k]! * b[bStart + k]!;
  return sum;
}

/** out[at + n] += factor · row[from + n]. */
function addRow(
  out: Float64Array,
  at: number,
  factor: number,
  row: Float32Array | Float64Array,
  from: number,
  count: number,
): void {
  for (let n = 0; n < count; n++) out[at + n]! += factor * row[from + n]!;
}
