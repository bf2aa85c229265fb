/**
 * Blocks as ggml stores them (model/checkpoint/gguf defines their bytes), taken apart: codes, and the scales and mins as
 * they are. Codes of signed numbers have the bias added; mins have the sign with which they are subtracted.
 *
 * Where ggml's bytes are those of panels, as nibbles 16 columns apart are, they are copied as planes, without codes.
 */
import { FormatError, UnsupportedError } from '../../../base/index.ts';
import type { IntegerFormatName } from './panelFormats.table.ts';

/** Of 32 or 256 columns. */
export class StoredBlock {
  readonly codes = new Uint8Array(256);
  /** The same, four columns each. */
  readonly words = new Uint32Array(this.codes.buffer);
  /** Of each 32 columns, what their row has of the lines of each plane; made from codes but for formats in AS_PLANES. */
  readonly planes = new Uint8Array(256);
  readonly planeWords = new Uint32Array(this.planes.buffer);
  /** Bits of f16: the scale and the min. */
  scale = 0;
  min = 0;
  /** Small integers by 16 or 32 columns; what is multiplied with the scale and with the min. */
  readonly scales = new Int8Array(16);
  readonly mins = new Int8Array(16);
}

/** Takes the block at byte `at` apart. Throws FormatError for a scale that is not finite. */
export type ReadBlock = (stored: Uint8Array, at: number, to: StoredBlock) => void;

const SIGN = 0x8000;

/** Formats whose blocks are read as planes. */
export const AS_PLANES: readonly IntegerFormatName[] = [
  ...(['Q8_0', 'Q4_0', 'IQ4_NL', 'MXFP4', 'Q4_1', 'Q4_K'] as const),
];

/** By format. */
export const READ_BLOCK: Readonly<Record<IntegerFormatName, ReadBlock>> = {
  Q8_0(stored, at, to) {
    to.scale = halfAt(stored, at);
    for (let i = 0; i < 32; i++) to.planes[i] = stored[at + 2 + i]! ^ 0x80;
  },
  Q4_0: readPairs,
  IQ4_NL: readPairs,
  MXFP4(stored, at, to) {
    to.scale = scaleOfExponent(stored, at);
    copyPairs(stored, at + 1, to);
  },
  Q4_1(stored, at, to) {
    to.scale = halfAt(stored, at);
    to.min = halfAt(stored, at + 2) ^ SIGN;
    copyPairs(stored, at + 4, to);
  },
  Q5_0(stored, at, to) {
    to.scale = halfAt(stored, at);
    pairs(stored, at + 6, to);
    fifthBits(stored, at + 2, to);
  },
  Q5_1(stored, at, to) {
    to.scale = halfAt(stored, at);
    to.min = halfAt(stored, at + 2) ^ SIGN;
    pairs(stored, at + 8, to);
    fifthBits(stored, at + 4, to);
  },
  Q2_K(stored, at, to) {
    to.scale = halfAt(stored, at + 80);
    to.min = halfAt(stored, at + 82);
    for (let part = 0; part < 16; part++) {
      to.scales[part] = stored[at + part]! & 15;
      to.mins[part] = stored[at + part]! >> 4;
    }
    twoBits(stored, at + 16, to);
  },
  Q3_K(stored, at, to) {
    to.scale = halfAt(stored, at + 108);
    for (let part = 0; part < 16; part++) {
      const low = (stored[at + 96 + (part & 7)]! >> (part < 8 ? 0 : 4)) & 15;
      const high = (stored[at + 104 + (part & 3)]! >> (2 * (part >> 2))) & 3;
      to.scales[part] = (low | (high << 4)) - 32;
    }
    twoBits(stored, at + 32, to);
    bitPlane(stored, at, to, 2);
  },
  Q4_K(stored, at, to) {
    readSixBits(stored, at, to);
    for (let block = 0; block < 8; block++) {
      const [from, shift] = [at + 16 + 32 * (block >> 1), 4 * (block & 1)];
      for (let i = 0; i < 16; i++) {
        const high = (stored[from + 16 + i]! >> shift) & 15;
        to.planes[16 * block + i] = ((stored[from + i]! >> shift) & 15) | (high << 4);
      }
    }
  },
  Q5_K(stored, at, to) {
    readSixBits(stored, at, to);
    nibbleParts(stored, at + 48, to);
    bitPlane(stored, at + 16, to, 4);
  },
  Q6_K(stored, at, to) {
    to.scale = halfAt(stored, at + 208);
    for (let part = 0; part < 16; part++) to.scales[part] = stored[at + 192 + part]!;
    for (let i = 0; i < 256; i++) {
      const [half, quarter, j] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = (stored[at + 64 * half + 32 * (quarter & 1) + j]! >> (4 * (quarter >> 1))) & 15;
      const high = (stored[at + 128 + 32 * half + j]! >> (2 * quarter)) & 3;
      to.codes[i] = low | (high << 4);
    }
  },
};

/** The bits of the f16 at byte `at`. */
function halfAt(stored: Uint8Array, at: number): number {
  const bits = stored[at]! | (stored[at + 1]! << 8);
  if ((bits & 0x7c00) !== 0x7c00) return bits;
  throw new FormatError('scales of weights must be finite', { hint: 'get the file again' });
}

function readPairs(stored: Uint8Array, at: number, to: StoredBlock): void {
  to.scale = halfAt(stored, at);
  copyPairs(stored, at + 2, to);
}

/** Sixteen bytes as they are. */
function copyPairs(stored: Uint8Array, at: number, { planes }: StoredBlock): void {
  for (let j = 0; j < 16; j++) planes[j] = stored[at + j]!;
}

/** Sixteen bytes: columns j in the low nibbles, j + 16 in the high ones. */
function pairs(stored: Uint8Array, at: number, { codes }: StoredBlock): void {
  for (let j = 0; j < 16; j++) {
    codes[j] = stored[at + j]! & 15;
    codes[16 + j] = stored[at + j]! >> 4;
  }
}

function fifthBits(stored: Uint8Array, at: number, { codes }: StoredBlock): void {
  for (let j = 0; j < 32; j++) codes[j]! |= ((stored[at + (j >> 3)]! >> (j & 7)) & 1) << 4;
}

/** 64 bytes: each half of 32 holds four times 32 codes, from the lowest bits up. */
function twoBits(stored: Uint8Array, at: number, { codes }: StoredBlock): void {
  for (let i = 0; i < 256; i++) {
    codes[i] = (stored[at + 32 * (i >> 7) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
  }
}

/** 32 bytes: bit i of byte j belongs to column 32·i + j; it becomes a bit of the code. */
function bitPlane(stored: Uint8Array, at: number, { codes }: StoredBlock, bit: number): void {
  for (let i = 0; i < 256; i++) codes[i]! |= ((stored[at + (i & 31)]! >> (i >> 5)) & 1) << bit;
}

/** 128 bytes: two parts of 32 columns share 32 of them, the first in the low nibbles. */
function nibbleParts(stored: Uint8Array, at: number, { codes }: StoredBlock): void {
  for (let i = 0; i < 256; i++) {
    codes[i] = (stored[at + 32 * (i >> 6) + (i & 31)]! >> (4 * ((i >> 5) & 1))) & 15;
  }
}

/** Two f16 numbers, then twelve bytes of eight scales and eight mins (superBlocks.ts). */
function readSixBits(stored: Uint8Array, at: number, to: StoredBlock): void {
  to.scale = halfAt(stored, at);
  to.min = halfAt(stored, at + 2);
  for (let part = 0; part < 8; part++) {
    const [scale, min] = [stored[at + 4 + (part & 3)]!, stored[at + 8 + (part & 3)]!];
    const shared = stored[at + 12 + (part & 3)]!;
    const first = part < 4;
    to.scales[part] = first ? scale & 63 : (shared & 15) | ((scale >> 6) << 4);
    to.mins[part] = first ? min & 63 : (shared >> 4) | ((min >> 6) << 4);
  }
}

/**
 * The bits of 2^(e − 128) in f16: half of what e8m0 e stands for, as levels are doubled. Blocks of zeros alone may
 * have any. Throws UnsupportedError for one that is no f16.
 */
function scaleOfExponent(stored: Uint8Array, at: number): number {
  const exponent = stored[at]! - 128;
  if (exponent >= -14 && exponent <= 15) return (exponent + 15) << 10;
  if (exponent >= -24 && exponent < -14) return 1 << (exponent + 24);
  if (stored.subarray(at + 1, at + 17).every((pair) => (pair & 0x77) === 0)) return 0;
  throw new UnsupportedError(
    `scales of MXFP4 must be from 2^-23 to 2^16, not 2^${exponent + 1}, to be kept in 4 bits`,
    { hint: "give the cpu target activations: 'f32'" },
  );
}
