/** Float numerics of tables by n-gram: f32 values, sums and functions in f64, rounded once. */
import type { NGramGateRequest } from './numerics.ts';

/** The least that |d| counts as before its root is taken, as in training. */
export const LEAST_AGREEMENT = 1e-6;

/** σ(±√|d|), d the normalised product of a stream and a key. */
export function nGramGate({ x, key, weights: [w, v], epsilon }: NGramGateRequest): number {
  const D = x.length;
  let [dot, squares, keySquares] = [0, 0, 0];
  for (let i = 0; i < D; i++) {
    dot += x[i]! * key[i]! * w[i]! * v[i]!;
    squares += x[i]! ** 2;
    keySquares += key[i]! ** 2;
  }
  const d = dot / Math.sqrt(squares / D + epsilon) / Math.sqrt(keySquares / D + epsilon) / D ** 0.5;
  const root = Math.sqrt(Math.max(Math.abs(d), LEAST_AGREEMENT));
  return Math.fround(1 / (1 + Math.exp(d < 0 || Object.is(d, -0) ? root : -root)));
}
