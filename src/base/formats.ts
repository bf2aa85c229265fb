/**
 * Codecs of the small number formats: bf16, f16, f8e4m3, e2m1 and e8m0.
 *
 *   name     bits s/e/m   bias  largest finite  infinity  NaN codes     defined in
 *   bf16     1/8/7        127   3.39e38         yes       many          top half of an f32
 *   f16      1/5/10       15    65504           yes       many          IEEE 754-2019 binary16
 *   f8e4m3   1/4/3        7     448             none      0x7f, 0xff    [1] table 1 ("fn" dialect)
 *   e2m1     1/2/1        1     6               none      none          [2] section 5.3.3
 *   e8m0     0/8/0        127   2^127           none      0xff          [2] section 5.4.1
 *
 * Decoding is exact. Encoding rounds to nearest with ties to even, from the exact value of the
 * argument: an f64 is not rounded to f32 on the way. The bulk conversions reinterpret memory and
 * need a little-endian host, as every WebAssembly host is.
 *
 * [1] Micikevicius et al., FP8 Formats for Deep Learning, https://arxiv.org/abs/2209.05433
 * [2] OCP Microscaling Formats (MX) Specification v1.0, https://www.opencompute.org
 * [3] NVIDIA PTX ISA 8.7, `cvt` with `.satfinite`, https://docs.nvidia.com/cuda/parallel-thread-execution
 */

/** One f64 and its two words, low word first: the way to its exponent field. */
const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);

/** A format whose codes below the sign are ordered like the magnitudes they stand for. */
export interface Minifloat {
  readonly mantissaBits: number;
  readonly bias: number;
  /** Code of the largest finite magnitude. */
  readonly maxCode: number;
}

export const F8E4M3: Minifloat = { mantissaBits: 3, bias: 7, maxCode: 0x7e };
export const E2M1: Minifloat = { mantissaBits: 1, bias: 1, maxCode: 0x7 };

/** Canonical NaN of f8e4m3; 0xff is the only other NaN code. */
export const F8E4M3_NAN = 0x7f;

/** The only NaN of e8m0. */
export const E8M0_NAN = 0xff;

/** Largest finite magnitude of f8e4m3. */
export const F8E4M3_MAX = 448;

/** Largest magnitude of e2m1. */
export const E2M1_MAX = 6;

/** Value of each f8e4m3 code; NaN at 0x7f and 0xff. */
export const F8E4M3_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, code) =>
  (code & 0x7f) === F8E4M3_NAN ? NaN : signedValue(code, 7, F8E4M3),
);

/** Value of each e2m1 code: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. */
export const E2M1_VALUES: Float32Array = Float32Array.from({ length: 16 }, (_, code) =>
  signedValue(code, 3, E2M1),
);

/** Value 2^(code - 127) of each e8m0 code; NaN at 0xff. Code 0 is a subnormal of f32, kept exact. */
export const E8M0_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, code) =>
  code === E8M0_NAN ? NaN : powerOfTwo(code - 127),
);

/** Encode to f8e4m3. Overflow and infinity saturate to ±448 as in [3]; NaN becomes 0x7f; -0 keeps its sign. */
export function encodeF8E4M3(x: number): number {
  if (x !== x) return F8E4M3_NAN;
  return (isNegative(x) ? 0x80 : 0) | encodeMagnitude(Math.abs(x), F8E4M3);
}

/** Encode to e2m1. Overflow and infinity saturate to ±6; NaN, which has no code, becomes +6 as in [3]; -0 keeps its sign. */
export function encodeE2M1(x: number): number {
  if (x !== x) return E2M1.maxCode;
  return (isNegative(x) ? 0x8 : 0) | encodeMagnitude(Math.abs(x), E2M1);
}

/**
 * Encode to e8m0 the largest power of two that is not above `x`, the rule of [2] section 6.3.
 * Saturates to 2^-127 below and 2^127 above; NaN and negative numbers become NaN (0xff).
 */
export function encodeE8M0(x: number): number {
  if (!(x >= 0)) return E8M0_NAN;
  return Math.min(Math.max(exponentOf(x) + 127, 0), 254);
}

/** Convert bf16 codes to f32, exactly. */
export function bf16ToF32(codes: Uint16Array): Float32Array {
  const bits = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) bits[i] = codes[i] << 16;
  return new Float32Array(bits.buffer);
}

/** Convert f32 to bf16 codes. Overflow gives infinity; NaN becomes 0x7fc0 whatever its sign and payload. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const codes = new Uint16Array(values.length);
  for (let i = 0; i < codes.length; i++) {
    const word = bits[i];
    const isNaNWord = (word & 0x7fffffff) > 0x7f800000;
    codes[i] = isNaNWord ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return codes;
}

/** Convert f16 codes to f32, exactly. */
export function f16ToF32(codes: Uint16Array): Float32Array {
  return new Float32Array(new Float16Array(codes.buffer, codes.byteOffset, codes.length));
}

/** Convert f32 to f16 codes. Overflow gives infinity; NaN becomes 0x7e00 whatever its sign and payload. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const codes = new Uint16Array(new Float16Array(values).buffer);
  for (let i = 0; i < codes.length; i++) if ((codes[i] & 0x7fff) > 0x7c00) codes[i] = 0x7e00;
  return codes;
}

/** floor(log2(x)) of a positive normal f64; -1023 for zero and f64 subnormals; 1024 for infinity. */
function exponentOf(x: number): number {
  float64[0] = x;
  return ((words[1] >>> 20) & 0x7ff) - 1023;
}

function powerOfTwo(exponent: number): number {
  words[0] = 0;
  words[1] = (exponent + 1023) << 20;
  return float64[0];
}

function isNegative(x: number): boolean {
  return x < 0 || Object.is(x, -0);
}

function signedValue(code: number, signBit: number, { mantissaBits, bias }: Minifloat): number {
  const magnitude = code & ((1 << signBit) - 1);
  const mantissa = magnitude & ((1 << mantissaBits) - 1);
  const exponent = magnitude >> mantissaBits;
  const significand = exponent === 0 ? mantissa : mantissa + (1 << mantissaBits);
  const value = significand * powerOfTwo(Math.max(exponent, 1) - bias - mantissaBits);
  return code >> signBit ? -value : value;
}

/**
 * Codes are ordered like the magnitudes they stand for, so rounding the significand up past its
 * last value carries into the exponent by plain addition, and subnormals need no case of their own.
 */
function encodeMagnitude(x: number, { mantissaBits, bias, maxCode }: Minifloat): number {
  const exponent = Math.max(exponentOf(x), 1 - bias);
  if (exponent > 16) return maxCode;
  const significand = roundTiesToEven(x * powerOfTwo(mantissaBits - exponent));
  return Math.min(((exponent + bias - 1) << mantissaBits) + significand, maxCode);
}

/** Adding 2^52 leaves no fraction bits, so the f64 adder itself rounds; valid for 0 <= x < 2^51. */
function roundTiesToEven(x: number): number {
  return x + 0x10000000000000 - 0x10000000000000;
}
