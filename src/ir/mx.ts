/**
 * The MX formats in plain arithmetic: docs/numerics.md, section 1.
 *
 * A stored element is an integer (mxint8, mxfp4) or the value itself (mxfp8); times 2^-u, u the
 * format's unit exponent, times the scale of its block, it is the number it stands for.
 */
import {
  E8M0_NAN,
  E8M0_VALUES,
  E2M1_VALUES,
  F8E4M3_VALUES,
  encodeE2M1,
  encodeF8E4M3,
} from '../base/index.ts';
import type { MxRows } from './numerics.ts';
import { MX_BLOCK, type MxFormat } from './types.ts';

interface ElementFormat {
  /** Exponent of the largest element value. */
  readonly largestExponent: number;
  /** Stored elements count units of 2^-unitExponent. */
  readonly unitExponent: number;
  /** The stored element nearest to a value, ties to even, saturated. */
  encode(value: number): number;
}

const FORMATS: Readonly<Record<MxFormat, ElementFormat>> = {
  mxint8: {
    largestExponent: 0,
    unitExponent: 6,
    encode: (v) => clamp(roundTiesToEven(v * 64), 127),
  },
  mxfp4: { largestExponent: 2, unitExponent: 1, encode: (v) => E2M1_VALUES[encodeE2M1(v)]! * 2 },
  mxfp8: { largestExponent: 8, unitExponent: 0, encode: (v) => F8E4M3_VALUES[encodeF8E4M3(v)]! },
};

/** Scales stay within 2^±60, so that the product of two is a normal f32. */
const SCALE_LIMIT = 60;

/**
 * Quantises one row of `out`. `group` elements share a scale, written for each of their blocks; a
 * group with a NaN or an infinity becomes NaN. With `search`, of the exponents e and e+1 the one
 * with the smaller sum of squared errors is kept, e on a tie.
 */
export function quantizeMxRow(
  row: Float32Array,
  group: number,
  out: MxRows,
  rowIndex: number,
  search = false,
): void {
  for (let start = 0; start < row.length; start += group) {
    const values = row.subarray(start, start + group);
    quantizeGroup(values, out, rowIndex * row.length + start, search);
  }
}

function quantizeGroup(values: Float32Array, out: MxRows, offset: number, search: boolean): void {
  const format = FORMATS[out.format];
  const elements = out.elements.subarray(offset, offset + values.length);
  const scales = out.scales.subarray(offset / MX_BLOCK, (offset + values.length) / MX_BLOCK);
  const largest = largestMagnitude(values);
  if (!Number.isFinite(largest)) {
    elements.fill(0);
    scales.fill(E8M0_NAN);
    return;
  }
  const exponent = clamp(floorLog2(largest) - format.largestExponent, SCALE_LIMIT);
  const next = Math.min(exponent + 1, SCALE_LIMIT);
  const better =
    search && encodingError(values, next, format) < encodingError(values, exponent, format);
  const chosen = better ? next : exponent;
  const scale = 2 ** -chosen;
  for (let i = 0; i < values.length; i++) elements[i] = format.encode(values[i]! * scale);
  scales.fill(chosen + 127);
}

/** Sum of squared errors of a group under one scale, f64, ascending. */
function encodingError(values: Float32Array, exponent: number, format: ElementFormat): number {
  const scale = 2 ** -exponent;
  const unit = 2 ** (exponent - format.unitExponent);
  let sum = 0;
  for (const value of values) sum += (format.encode(value * scale) * unit - value) ** 2;
  return sum;
}

/** The numbers that elements `start … start + count - 1` stand for. */
export function decodeMx(rows: MxRows, start: number, count: number): Float32Array {
  const unit = 2 ** -FORMATS[rows.format].unitExponent;
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const scale = E8M0_VALUES[rows.scales[(start + i) >> 5]!]!;
    out[i] = rows.elements[start + i]! * unit * scale;
  }
  return out;
}

/** max |x|; NaN if any x is NaN. */
function largestMagnitude(values: Float32Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** ⌊log2 x⌋ of a normal f32; -127 for zero and subnormals. */
function floorLog2(x: number): number {
  bits[0] = x;
  return (words[0]! >>> 23) - 127;
}

const bits = new Float32Array(1);
const words = new Uint32Array(bits.buffer);

function clamp(x: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, x));
}

/** Adding 1.5·2^52 leaves no fraction bits, so the f64 adder itself rounds; |x| < 2^51. */
function roundTiesToEven(x: number): number {
  return x + 0x18000000000000 - 0x18000000000000;
}
