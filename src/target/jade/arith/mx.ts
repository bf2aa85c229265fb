/**
 * MX blocks as bytes: docs/numerics.md, section 1.
 *
 * A code is what is stored for an element: the byte of mxint8 and mxfp8, the nibble of mxfp4. An
 * element is its decoded value, as in `MxRows`: the integer of mxint8, the halves of mxfp4, the E4M3
 * value of mxfp8. Rows of mxfp4 are packed two codes a byte, the even element in the low nibble.
 */
import {
  encodeE2M1,
  encodeF8E4M3,
  ShapeError,
  E2M1_VALUES,
  E8M0_NAN,
  F8E4M3_VALUES,
} from '../../../base/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../ir/index.ts';
import { powerOfTwo } from './powers.ts';

/** Bits of an element. */
export const MX_ELEMENT_BITS: Readonly<Record<MxFormat, number>> = {
  mxint8: 8,
  mxfp8: 8,
  mxfp4: 4,
};

/** An element counts units of 2^-u. */
export const UNIT_EXPONENTS: Readonly<Record<MxFormat, number>> = { mxint8: 6, mxfp8: 0, mxfp4: 1 };

/** Element of each code. */
export const ELEMENTS: Readonly<Record<MxFormat, Int8Array | Float32Array>> = {
  mxint8: Int8Array.from({ length: 256 }, (_, code) => code),
  mxfp4: Int8Array.from(E2M1_VALUES, (value) => value * 2),
  mxfp8: F8E4M3_VALUES,
};

/** Exponents of scales are clamped to ± this, so that the product of two is a normal f32. */
export const SCALE_LIMIT = 60;

/** Exponent of the largest element. */
export const LARGEST_EXPONENTS: Readonly<Record<MxFormat, number>> = {
  mxint8: 0,
  mxfp4: 2,
  mxfp8: 8,
};

const ENCODERS: Readonly<Record<MxFormat, (value: number) => number>> = {
  mxint8: encodeInt8,
  mxfp4: encodeE2M1,
  mxfp8: encodeF8E4M3,
};

/** Adding 1.5·2^52 leaves no fraction bits, so the f64 adder itself rounds, ties to even. */
const ROUND = 0x18000000000000;

function encodeInt8(value: number): number {
  const rounded = value * 64 + ROUND - ROUND;
  return rounded > 127 ? 127 : rounded < -127 ? -127 & 255 : rounded & 255;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/**
 * Quantises the `group` numbers from `offset` under one scale: writes a code for each from `at` and
 * returns the scale byte; 255 with zero codes when one is NaN or infinite. With `search`, of the
 * exponents e and e+1 the one with the smaller sum of squared errors is kept, e on a tie.
 */
export function quantizeGroup(
  values: Float32Array,
  offset: number,
  group: number,
  format: MxFormat,
  codes: Uint8Array,
  at: number,
  search = false,
): number {
  const lowest = exponentOf(values, offset, group, format);
  if (lowest === undefined) {
    codes.fill(0, at, at + group);
    return E8M0_NAN;
  }
  const exponent = search ? search2(values, offset, group, format, lowest) : lowest;
  const encode = ENCODERS[format];
  const scale = powerOfTwo(-exponent);
  for (let i = 0; i < group; i++) codes[at + i] = encode(values[offset + i]! * scale);
  return exponent + 127;
}

/** The exponent of the scale of a group; undefined when a number is NaN or infinite. */
function exponentOf(
  values: Float32Array,
  offset: number,
  group: number,
  format: MxFormat,
): number | undefined {
  let largest = 0;
  for (let i = 0; i < group; i++) {
    const magnitude = Math.abs(values[offset + i]!);
    if (magnitude > largest) largest = magnitude;
    else if (magnitude !== magnitude) return undefined;
  }
  float[0] = largest;
  const exponent = (word[0]! >>> 23) - 127;
  if (exponent === 128) return undefined;
  return Math.min(Math.max(exponent - LARGEST_EXPONENTS[format], -SCALE_LIMIT), SCALE_LIMIT);
}

/** The better of `exponent` and its successor. */
function search2(
  values: Float32Array,
  offset: number,
  group: number,
  format: MxFormat,
  exponent: number,
): number {
  const next = Math.min(exponent + 1, SCALE_LIMIT);
  const error = squaredError(values, offset, group, format, exponent);
  return squaredError(values, offset, group, format, next) < error ? next : exponent;
}

function squaredError(
  values: Float32Array,
  offset: number,
  group: number,
  format: MxFormat,
  exponent: number,
): number {
  const encode = ENCODERS[format];
  const elements = ELEMENTS[format];
  const scale = powerOfTwo(-exponent);
  const unit = powerOfTwo(exponent - UNIT_EXPONENTS[format]);
  let sum = 0;
  for (let i = 0; i < group; i++) {
    const value = values[offset + i]!;
    const error = elements[encode(value * scale)]! * unit - value;
    sum += error * error;
  }
  return sum;
}

/** Quantised rows: packed codes row by row, and one scale byte a block of 32. */
export interface PackedRows {
  readonly elements: Uint8Array;
  readonly scales: Uint8Array;
}

/**
 * Quantises weights (rows, columns), row-major, in blocks of 32 with the freedom of e and e+1. Throws
 * ShapeError unless columns is a multiple of 32 and there are rows · columns numbers.
 */
export function quantizeWeights(
  data: Float32Array,
  rows: number,
  columns: number,
  format: MxFormat,
): PackedRows {
  if (columns % MX_BLOCK !== 0 || data.length !== rows * columns) {
    throw new ShapeError(
      `weights in ${format} must be rows × a multiple of ${MX_BLOCK} numbers, ` +
        `not ${data.length} as ${rows} × ${columns}`,
    );
  }
  const blocks = data.length / MX_BLOCK;
  const bytes = (MX_BLOCK * MX_ELEMENT_BITS[format]) / 8;
  const scales = new Uint8Array(blocks);
  const elements = new Uint8Array(blocks * bytes);
  const codes = new Uint8Array(MX_BLOCK);
  for (let block = 0; block < blocks; block++) {
    const offset = block * MX_BLOCK;
    scales[block] = quantizeGroup(data, offset, MX_BLOCK, format, codes, 0, true);
    packCodes(codes, format, elements, block * bytes);
  }
  return { elements, scales };
}

/** Stores codes at `at`: two a byte in mxfp4, else one. */
function packCodes(codes: Uint8Array, format: MxFormat, bytes: Uint8Array, at: number): void {
  if (format !== 'mxfp4') bytes.set(codes, at);
  else
    for (let i = 0; i < codes.length; i += 2) bytes[at + i / 2] = codes[i]! | (codes[i + 1]! << 4);
}

/** Decodes the `count` stored elements from byte `offset`; writes them from `at`. */
export function decodeElements(
  bytes: Uint8Array,
  offset: number,
  count: number,
  format: MxFormat,
  out: Int8Array | Float32Array,
  at: number,
): void {
  const elements = ELEMENTS[format];
  if (format !== 'mxfp4') {
    for (let i = 0; i < count; i++) out[at + i] = elements[bytes[offset + i]!]!;
    return;
  }
  for (let i = 0; i < count; i += 2) {
    const pair = bytes[offset + (i >> 1)]!;
    out[at + i] = elements[pair & 15]!;
    out[at + i + 1] = elements[pair >> 4]!;
  }
}
