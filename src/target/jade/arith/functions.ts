/**
 * The functions of the vector unit: docs/numerics.md, section 3, in the same order and words.
 *
 * Each is a small table and a few f32 operations, so that silicon can do the same to the last bit. A
 * number in f64 stands for each f32; `Math.fround` after an f64 +, - or × of two f32 is the f32
 * operation, because 53 bits are more than twice 24 and one [1].
 *
 * [1] Figueroa, When is double rounding innocuous?, 1995, https://doi.org/10.1145/221332.221334
 */
import { powerOfTwo } from './powers.ts';
import { smaller } from './reduce.ts';

const { fround } = Math;

/** One f32 and its bits. */
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** 2^(2^-k) for k = 1 … 5 by square roots, which every machine rounds alike. */
const ROOTS = [1, 2, 3, 4, 5].map((k) => {
  let root = 2;
  for (let i = 0; i < k; i++) root = Math.sqrt(root);
  return root;
});

/** T[n] = fround(2^(n/32)). */
export const EXP2_TABLE = Float32Array.from({ length: 32 }, (_, n) =>
  ROOTS.reduce((product, root, k) => (n & (16 >> k) ? product * root : product), 1),
);

/** R[n] = fround(1 / (1 + (n + ½)/64)). */
export const RECIPROCAL_TABLE = Float32Array.from(
  { length: 64 },
  (_, n) => 1 / (1 + (n + 0.5) / 64),
);

/** Q[n] = fround(1 / √(1 + (n + ½)/32)). */
export const RSQRT_TABLE = Float32Array.from(
  { length: 96 },
  (_, n) => 1 / Math.sqrt(1 + (n + 0.5) / 32),
);

export const LOG2E = fround(Math.LOG2E);
const C1 = fround(Math.LN2);
const C2 = fround((Math.LN2 * Math.LN2) / 2);
const C3 = fround((Math.LN2 * Math.LN2 * Math.LN2) / 6);
/** c1, c2, c3 of the polynomial of exp2. */
export const EXP2_COEFFICIENTS = [C1, C2, C3] as const;
export const SMALLEST_NORMAL = powerOfTwo(-126);

/**
 * Of t¹ … t⁸ in log1p(t)/t on [0, 1]: minimax for the relative error, each rounded to f32 before the next
 * was fitted. With 1 in front, off by less than 0.6 · 2^-24.
 */
export const LOG1P_COEFFICIENTS = [
  -0.49999648332595825, 0.33321329951286316, -0.24857217073440552, 0.1915384829044342,
  -0.13754189014434814, 0.07920888066291809, -0.03006836213171482, 0.005365446675568819,
] as const;

/** 2^x, less than 2 ulp off; +Inf from 128 on, 0 below -126. */
export function exp2(x: number): number {
  if (!(x < 128)) return x === x ? Infinity : NaN;
  if (x < -126) return 0;
  const j = Math.floor(x * 32 + 0.5);
  const r = x - j / 32;
  let p = fround(fround(C3 * r) + C2);
  p = fround(fround(p * r) + C1);
  p = fround(fround(p * r) + 1);
  return fround(EXP2_TABLE[j & 31]! * p) * powerOfTwo(j >> 5);
}

/** 1/x: less than 2.1 ulp off; subnormals count as zero, as argument and as result. */
export function reciprocal(x: number): number {
  float[0] = x;
  const bits = word[0]!;
  const exponent = (bits >>> 23) & 255;
  const sign = bits >>> 31 ? -1 : 1;
  if (exponent === 255) return Number.isNaN(x) ? NaN : sign === 1 ? 0 : -0;
  if (exponent === 0) return sign * Infinity;
  word[0] = 0x3f800000 | (bits & 0x7fffff);
  const m = float[0];
  let y = RECIPROCAL_TABLE[(bits >>> 17) & 63]!;
  y = fround(y * fround(2 - fround(m * y)));
  y = fround(y * fround(2 - fround(m * y)));
  const result = y * powerOfTwo(127 - exponent);
  return sign * (result < SMALLEST_NORMAL ? 0 : result);
}

/** 1/√x: less than 1.6 ulp off; NaN below zero, +Inf for zero and subnormals. */
export function rsqrt(x: number): number {
  if (!(x >= 0)) return NaN;
  float[0] = x;
  const exponent = (word[0]! >>> 23) & 255;
  if (exponent === 255) return 0;
  if (exponent === 0) return Infinity;
  const q = (exponent - 127) >> 1;
  const m = x * powerOfTwo(-2 * q);
  const half = 0.5 * m;
  let y = RSQRT_TABLE[Math.floor((m - 1) * 32)]!;
  for (let i = 0; i < 3; i++) y = fround(y * fround(1.5 - fround(half * fround(y * y))));
  return y * powerOfTwo(-q);
}

/** e^x: less than 2.5 + 1.2·|x| ulp off, as the exponent's rounding grows with x. */
export function exp(x: number): number {
  return exp2(fround(x * LOG2E));
}

/** a · (1/b). */
export function divide(a: number, b: number): number {
  return fround(a * reciprocal(b));
}

/** 1/(1 + e^-x), less than 4 ulp off from -1 on, 5 + 1.2·|x| ulp below: the exponent's rounding grows. */
export function sigmoid(x: number): number {
  return reciprocal(fround(1 + exp2(fround(-x * LOG2E))));
}

/** x · sigmoid(x). */
export function silu(x: number): number {
  return fround(x * sigmoid(x));
}

/** silu(gate) · up; with `limit` > 0 of the gate up to it, and of `up` within ±limit. A NaN stays one. */
export function swiglu(gate: number, up: number, limit = 0): number {
  if (limit === 0) return fround(silu(gate) * up);
  const within = -smaller(-smaller(up, limit), limit);
  return fround(silu(smaller(gate, limit)) * within);
}

/** log(1 + e^x) = max(x, 0) + log1p(e^-|x|): less than 4 ulp off from -1 on, 4 + 1.2·|x| below, as exp is. */
export function softplus(x: number): number {
  const t = exp2(fround(-Math.abs(x) * LOG2E));
  let p = 0;
  for (const coefficient of LOG1P_COEFFICIENTS.toReversed())
    p = fround(fround(p + coefficient) * t);
  const rest = fround(fround(p + 1) * t);
  return fround((x > 0 || x !== x ? x : 0) + rest);
}

/** √max(x, smallest), as x · rsqrt(x): +Inf gives NaN, and a NaN stays one. */
export function rootAtLeast(x: number, smallest: number): number {
  const most = -smaller(-smallest, -x);
  return fround(most * rsqrt(most));
}

/** sign(x) · √max(|x|, smallest); +0 for a zero. `smallest` is a normal number above 0. */
export function signedRoot(x: number, smallest: number): number {
  if (x === 0) return 0;
  const root = rootAtLeast(Math.abs(x), smallest);
  return x < 0 ? -root : root;
}
