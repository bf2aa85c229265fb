/**
 * Blocks of 32 elements, as ggml defines them [1]: a scale, perhaps a minimum, and codes whose nibbles
 * hold the elements j (low) and j + 16 (high).
 *
 *   Q4_0    f16 d, 16 nibble pairs              (code − 8) · d
 *   Q4_1    f16 d, f16 m, 16 nibble pairs       code · d + m
 *   Q5_0    f16 d, 32 fifth bits, 16 pairs      (code − 16) · d
 *   Q5_1    f16 d, f16 m, 32 fifth bits, 16     code · d + m
 *   Q8_0    f16 d, 32 int8                      code · d
 *   IQ4_NL  f16 d, 16 nibble pairs              level of the code · d
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

/** LEVELS[nibble] · d for each of 16 pairs of nibbles. */
function decodePairs(
  bytes: Uint8Array,
  at: number,
  levels: Float32Array,
  d: number,
  out: Float32Array,
  to: number,
): void {
  for (let j = 0; j < HALF; j++) {
    const pair = bytes[at + j]!;
    out[to + j] = levels[pair & 15]! * d;
    out[to + HALF + j] = levels[pair >> 4]! * d;
  }
}

/** Sixteen levels from `first` up. */
function levelsFrom(first: number): Float32Array {
  return Float32Array.from({ length: 16 }, (_, code) => first + code);
}

const SIGNED_LEVELS = levelsFrom(-8);

export const decodeQ4_0: DecodeBlock = (bytes, at, out, to) => {
  decodePairs(bytes, at + 2, SIGNED_LEVELS, halfAt(bytes, at), out, to);
};

export const decodeQ4_1: DecodeBlock = (bytes, at, out, to) => {
  const [d, m] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let j = 0; j < HALF; j++) {
    const pair = bytes[at + 4 + j]!;
    out[to + j] = (pair & 15) * d + m;
    out[to + HALF + j] = (pair >> 4) * d + m;
  }
};

/** The 32 bits from byte `at`, the first in the lowest bit. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

export const decodeQ5_0: DecodeBlock = (bytes, at, out, to) => {
  const [d, fifth] = [halfAt(bytes, at), wordAt(bytes, at + 2)];
  for (let j = 0; j < HALF; j++) {
    const pair = bytes[at + 6 + j]!;
    out[to + j] = ((pair & 15) + (((fifth >>> j) & 1) << 4) - 16) * d;
    out[to + HALF + j] = ((pair >> 4) + (((fifth >>> (HALF + j)) & 1) << 4) - 16) * d;
  }
};

export const decodeQ5_1: DecodeBlock = (bytes, at, out, to) => {
  const [d, m, fifth] = [halfAt(bytes, at), halfAt(bytes, at + 2), wordAt(bytes, at + 4)];
  for (let j = 0; j < HALF; j++) {
    const pair = bytes[at + 8 + j]!;
    out[to + j] = ((pair & 15) + (((fifth >>> j) & 1) << 4)) * d + m;
    out[to + HALF + j] = ((pair >> 4) + (((fifth >>> (HALF + j)) & 1) << 4)) * d + m;
  }
};

export const decodeQ8_0: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  for (let j = 0; j < 2 * HALF; j++) out[to + j] = int8At(bytes, at + 2 + j) * d;
};

/** The sixteen levels of IQ4_NL, closer together near zero. */
const UNEVEN_LEVELS = Float32Array.of(
  ...[-127, -104, -83, -65, -49, -35, -22, -10],
  ...[1, 13, 25, 38, 53, 69, 89, 113],
);

export const decodeIQ4_NL: DecodeBlock = (bytes, at, out, to) => {
  decodePairs(bytes, at + 2, UNEVEN_LEVELS, halfAt(bytes, at), out, to);
};

/** Of e2m1, but both zeros are positive. */
const E2M1_LEVELS = E2M1_VALUES.map((value) => value + 0);

/** Unlike the OCP's, ggml's e8m0 has no NaN: 255 is 2^128 before its product with an element. */
export const decodeMXFP4: DecodeBlock = (bytes, at, out, to) => {
  decodePairs(bytes, at + 1, E2M1_LEVELS, 2 ** (bytes[at]! - 127), out, to);
};
