/**
 * Super-blocks of 256 elements ("k-quants"), as ggml defines them [1]: f16 scales for the whole, small
 * integer scales for its parts, and codes.
 *
 *         bytes                                                        parts      value
 *   Q2_K  16 × (scale 4 bits, min 4 bits), 64 codes, f16 d, f16 dmin   16 of 16   d·scale·code − dmin·min
 *   Q3_K  32 high bits, 64 codes, 12 scales of 6 bits, f16 d           16 of 16   d·(scale − 32)·(code − 4·[no high bit])
 *   Q4_K  f16 d, f16 dmin, 12 scales and mins of 6 bits, 128 codes     8 of 32    d·scale·code − dmin·min
 *   Q5_K  the same, and 32 fifth bits before the codes                 8 of 32    d·scale·code − dmin·min
 *   Q6_K  128 low, 64 high bits, 16 int8 scales, f16 d                 16 of 16   d·scale·(code − 32)
 *
 * Products with d fit in f32 up to the last one, which with the difference is rounded once: as in ggml.
 *
 * [1] https://github.com/ggml-org/ggml, src/ggml-quants.c, dequantize_row_q?_K
 */
import { halfAt, int8At } from './blocks.ts';
import type { DecodeBlock } from './blocks.ts';

const ELEMENTS = 256;

export const decodeQ2_K: DecodeBlock = (bytes, at, out, to) => {
  const [d, dmin] = [halfAt(bytes, at + 80), halfAt(bytes, at + 82)];
  for (let i = 0; i < ELEMENTS; i++) {
    const scale = bytes[at + (i >> 4)]!;
    const code = twoBits(bytes, at + 16, i);
    out[to + i] = d * (scale & 15) * code - dmin * (scale >> 4);
  }
};

/** Of 64 bytes: each half of 32 holds four times 32 codes, from the lowest bits up. */
function twoBits(bytes: Uint8Array, at: number, i: number): number {
  return (bytes[at + 32 * (i >> 7) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
}

export const decodeQ3_K: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at + 108);
  for (let i = 0; i < ELEMENTS; i++) {
    const high = (bytes[at + (i & 31)]! >> (i >> 5)) & 1;
    const code = twoBits(bytes, at + 32, i) - (high ? 0 : 4);
    out[to + i] = d * (scaleOfQ3(bytes, at + 96, i >> 4) - 32) * code;
  }
};

/** Twelve bytes hold 16 scales: four low bits in the nibbles of the first 8, two high bits in the last 4. */
function scaleOfQ3(bytes: Uint8Array, at: number, part: number): number {
  const low = (bytes[at + (part & 7)]! >> (part < 8 ? 0 : 4)) & 15;
  const high = (bytes[at + 8 + (part & 3)]! >> (2 * (part >> 2))) & 3;
  return low | (high << 4);
}

export const decodeQ4_K: DecodeBlock = (bytes, at, out, to) => {
  decodeWithMinimum(bytes, at, out, to, { codes: at + 16 });
};

export const decodeQ5_K: DecodeBlock = (bytes, at, out, to) => {
  decodeWithMinimum(bytes, at, out, to, { fifthBits: at + 16, codes: at + 48 });
};

/** Eight parts of 32; two parts share 32 bytes of codes, the first in the low nibbles. */
function decodeWithMinimum(
  bytes: Uint8Array,
  at: number,
  out: Float32Array,
  to: number,
  { codes, fifthBits }: { readonly codes: number; readonly fifthBits?: number },
): void {
  const [d, dmin] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let part = 0; part < 8; part++) {
    const scale = d * sixBits(bytes, at + 4, 'scale', part);
    const minimum = dmin * sixBits(bytes, at + 4, 'min', part);
    for (let j = 0; j < 32; j++) {
      const nibble = (bytes[codes + 32 * (part >> 1) + j]! >> (4 * (part & 1))) & 15;
      const fifth = fifthBits === undefined ? 0 : ((bytes[fifthBits + j]! >> part) & 1) << 4;
      out[to + 32 * part + j] = scale * (nibble + fifth) - minimum;
    }
  }
}

/**
 * Twelve bytes hold eight scales and eight mins of six bits. The first four of each are the low bits of
 * bytes 0–3 and 4–7. The others have their two high bits on top of those, and their low nibbles in bytes
 * 8–11: of scales in the low half, of mins in the high half.
 */
function sixBits(bytes: Uint8Array, at: number, kind: 'scale' | 'min', part: number): number {
  const own = bytes[at + (kind === 'scale' ? 0 : 4) + (part & 3)]!;
  if (part < 4) return own & 63;
  const shared = bytes[at + 8 + (part & 3)]!;
  return (kind === 'scale' ? shared & 15 : shared >> 4) | ((own >> 6) << 4);
}

export const decodeQ6_K: DecodeBlock = (bytes, at, out, to) => {
  const d = halfAt(bytes, at + 208);
  for (let i = 0; i < ELEMENTS; i++) {
    const [half, quarter, j] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = (bytes[at + 64 * half + 32 * (quarter & 1) + j]! >> (4 * (quarter >> 1))) & 15;
    const high = (bytes[at + 128 + 32 * half + j]! >> (2 * quarter)) & 3;
    const scale = int8At(bytes, at + 192 + (i >> 4));
    out[to + i] = d * scale * ((low | (high << 4)) - 32);
  }
};
