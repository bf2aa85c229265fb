/** Blocks as ggml stores them, written from their parts: the inverse of panels/storedBlocks.ts. */
import { f32ToF16 } from '../src/base/index.ts';
import type { IntegerFormatName } from '../src/target/cpu/panels/panelFormats.table.ts';

/** What a block says: value = scale · scales[part] · level(code) − min · mins[part]. */
export interface EncodedBlock {
  readonly scale: number;
  readonly min: number;
  readonly scales: readonly number[];
  readonly mins: readonly number[];
  readonly codes: Uint8Array;
}

type PutBlock = (block: EncodedBlock, out: Uint8Array, at: number) => void;

/** Writes the block at byte `at`, where there are zeros. */
export const PUT_BLOCK: Readonly<Record<IntegerFormatName, PutBlock>> = {
  Q8_0({ scale, codes }, out, at) {
    putHalf(out, at, scale);
    for (let i = 0; i < 32; i++) out[at + 2 + i] = codes[i]! - 128;
  },
  Q4_0: putScaleAndPairs,
  IQ4_NL: putScaleAndPairs,
  MXFP4({ scale, codes }, out, at) {
    out[at] = Math.log2(scale) + 128;
    putPairs(out, at + 1, codes);
  },
  Q4_1({ scale, min, codes }, out, at) {
    putHalf(out, at, scale);
    putHalf(out, at + 2, -min);
    putPairs(out, at + 4, codes);
  },
  Q5_0({ scale, codes }, out, at) {
    putHalf(out, at, scale);
    putFifthBits(out, at + 2, codes);
    putPairs(out, at + 6, codes);
  },
  Q5_1({ scale, min, codes }, out, at) {
    putHalf(out, at, scale);
    putHalf(out, at + 2, -min);
    putFifthBits(out, at + 4, codes);
    putPairs(out, at + 8, codes);
  },
  Q2_K({ scale, min, scales, mins, codes }, out, at) {
    scales.forEach((one, part) => (out[at + part] = one | (mins[part]! << 4)));
    putTwoBits(out, at + 16, codes);
    putHalf(out, at + 80, scale);
    putHalf(out, at + 82, min);
  },
  Q3_K({ scale, scales, codes }, out, at) {
    putBitPlane(out, at, codes, 2);
    putTwoBits(out, at + 32, codes);
    for (const [part, one] of scales.entries()) {
      const bits = one + 32;
      out[at + 96 + (part & 7)]! |= (bits & 15) << (part < 8 ? 0 : 4);
      out[at + 104 + (part & 3)]! |= (bits >> 4) << (2 * (part >> 2));
    }
    putHalf(out, at + 108, scale);
  },
  Q4_K(block, out, at) {
    putSixBits(block, out, at);
    putNibbles(out, at + 16, block.codes);
  },
  Q5_K(block, out, at) {
    putSixBits(block, out, at);
    putBitPlane(out, at + 16, block.codes, 4);
    putNibbles(out, at + 48, block.codes);
  },
  Q6_K({ scale, scales, codes }, out, at) {
    for (const [i, code] of codes.entries()) {
      const [half, quarter, j] = [i >> 7, (i >> 5) & 3, i & 31];
      out[at + 64 * half + 32 * (quarter & 1) + j]! |= (code & 15) << (4 * (quarter >> 1));
      out[at + 128 + 32 * half + j]! |= (code >> 4) << (2 * quarter);
    }
    scales.forEach((one, part) => (out[at + 192 + part] = one));
    putHalf(out, at + 208, scale);
  },
};

function putHalf(out: Uint8Array, at: number, value: number): void {
  out.set(new Uint8Array(f32ToF16(Float32Array.of(value)).buffer), at);
}

function putScaleAndPairs({ scale, codes }: EncodedBlock, out: Uint8Array, at: number): void {
  putHalf(out, at, scale);
  putPairs(out, at + 2, codes);
}

function putPairs(out: Uint8Array, at: number, codes: Uint8Array): void {
  for (let j = 0; j < 16; j++) out[at + j] = (codes[j]! & 15) | ((codes[16 + j]! & 15) << 4);
}

function putFifthBits(out: Uint8Array, at: number, codes: Uint8Array): void {
  for (let j = 0; j < 32; j++) out[at + (j >> 3)]! |= (codes[j]! >> 4) << (j & 7);
}

function putTwoBits(out: Uint8Array, at: number, codes: Uint8Array): void {
  for (const [i, code] of codes.entries())
    out[at + 32 * (i >> 7) + (i & 31)]! |= (code & 3) << (2 * ((i >> 5) & 3));
}

function putBitPlane(out: Uint8Array, at: number, codes: Uint8Array, bit: number): void {
  for (const [i, code] of codes.entries()) out[at + (i & 31)]! |= ((code >> bit) & 1) << (i >> 5);
}

function putNibbles(out: Uint8Array, at: number, codes: Uint8Array): void {
  for (const [i, code] of codes.entries())
    out[at + 32 * (i >> 6) + (i & 31)]! |= (code & 15) << (4 * ((i >> 5) & 1));
}

function putSixBits({ scale, min, scales, mins }: EncodedBlock, out: Uint8Array, at: number): void {
  putHalf(out, at, scale);
  putHalf(out, at + 2, min);
  for (const [factors, own, shift] of [
    [scales, at + 4, 0],
    [mins, at + 8, 4],
  ] as const) {
    for (const [part, one] of factors.entries()) {
      if (part < 4) out[own + part]! |= one;
      else {
        out[own + (part & 3)]! |= (one >> 4) << 6;
        out[at + 12 + (part & 3)]! |= (one & 15) << shift;
      }
    }
  }
}
