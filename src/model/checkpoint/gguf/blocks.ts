/**
 * Blocks of 32 elements, as ggml defines them [1]: a scale, perhaps a minimum, and codes whose nibbles
 * hold the elements j (low) and j + 16 (high).
 *
 *   Q4_0    f16 d, 16 nibble pairs              (code − 8) · d
 *   Q4_1    f16 d, f16 m, 16 nibble pairs       code · d + m
 *   Q5_0    f16 d, 32 fifth bits, 16 pairs      (code − 16) · d
 *   Q5_1    f16 d, f16 m, 32 fifth bits, 16     code · d + m
 *   Q8_0    f16 d, 32 int8                      code · d
 *   IQ4_NL  f16 d, 16 nibble pairs              LEVELS[code] · d
 *   MXFP4   e8m0, 16 nibble pairs               e2m1(code) · 2^(e − 127)
 *
 * ggml computes these in f32. Each product of a code and an f16 scale fits in f32, so one rounding, of
 * the sum, is all there is, and the f64 arithmetic here gives the same bits.
 *
 * [1] https://github.com/ggml-org/ggml, src/ggml-quants.c, dequantize_row_*
 */
import { E2M1_VALUES, f16ToF32 } from '../../../base/index.ts';

/** Decodes the block at byte `at` to the elements from `to`. */
export type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

const F16_VALUES = f16ToF32(Uint16Array.from({ length: 65536 }, (_, code) => code));

/** The f16 at byte `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return F16_VALUES[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** The int8 at byte `at`. */
export function int8At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) >> 24;
}

const HALF = 16;

/** A block of nibble pairs from byte `codes`, each element `valueOf` its nibble and its index. */
function decodePairs(
  bytes: Uint8Array,
  codes: number,
  out: Float32Array,
  to: number,
  valueOf: (nibble: number, index: number) => number,
): void {
  for (let j = 0; j < HALF; j++) {
    const pair = bytes[codes + j]!;
    out[to + j] = valueOf(pair & 15, j);
    out[to + HALF + j] = valueOf(pair >> 4, HALF + j);
  }
}

export const decodeQ4_0: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  decodePairs(bytes, at + 2, out, to, (code) => (code - 8) * d);
};

export const decodeQ4_1: DecodeBlock = (bytes, at, out, to) => {
  const [d, m] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  decodePairs(bytes, at + 4, out, to, (code) => code * d + m);
};

/** Bit `index` of the 32 from byte `at`, as the fifth bit of a code. */
function fifthBit(bytes: Uint8Array, at: number, index: number): number {
  return ((bytes[at + (index >> 3)]! >> (index & 7)) & 1) << 4;
}

export const decodeQ5_0: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  decodePairs(bytes, at + 6, out, to, (code, i) => (code + fifthBit(bytes, at + 2, i) - 16) * d);
};

export const decodeQ5_1: DecodeBlock = (bytes, at, out, to) => {
  const [d, m] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  decodePairs(bytes, at + 8, out, to, (code, i) => (code + fifthBit(bytes, at + 4, i)) * d + m);
};

export const decodeQ8_0: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  for (let j = 0; j < 2 * HALF; j++) out[to + j] = int8At(bytes, at + 2 + j) * d;
};

/** The sixteen levels of IQ4_NL, closer together near zero. */
const LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

export const decodeIQ4_NL: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  decodePairs(bytes, at + 2, out, to, (code) => LEVELS[code]! * d);
};

/** Of e2m1, but both zeros are positive. */
const E2M1_LEVELS = E2M1_VALUES.map((value) => value + 0);

/** Unlike the OCP's, ggml's e8m0 has no NaN: 255 is 2^128 before its product with an element. */
export const decodeMXFP4: DecodeBlock = (bytes, at, out, to) => {
  const d = 2 ** (bytes[at]! - 127);
  decodePairs(bytes, at + 1, out, to, (code) => E2M1_LEVELS[code]! * d);
};
