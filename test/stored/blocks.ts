/** Matrices in codes with a scale for each block, as writers of checkpoints make them. */
import { encodeE2M1, encodeF8E4M3, f16ToF32, f32ToF16 } from '../../src/base/index.ts';
import { e2m1, e4m3 } from './definitions.ts';

export interface Matrix {
  readonly out: number;
  readonly width: number;
  readonly values: Float32Array;
}

/** What the codes of a format are. */
export interface Codes {
  /** The largest number that a code stands for. */
  readonly largest: number;
  readonly encode: (x: number) => number;
  readonly valueOf: (code: number) => number;
}

export const E4M3: Codes = { largest: 448, encode: encodeF8E4M3, valueOf: e4m3 };
export const E2M1: Codes = { largest: 6, encode: encodeE2M1, valueOf: e2m1 };
export const INT8: Codes = integers(127);
export const INT4: Codes = integers(7);

function integers(largest: number): Codes {
  const encode = (x: number): number => within(-largest - 1, largest, Math.round(x)) + 0; // no −0
  return { largest, encode, valueOf: (code) => code };
}

/** How a scale is rounded to what the file can hold. */
export type RoundScale = (scale: number) => number;

export const f32: RoundScale = Math.fround;
export const powerOfTwo: RoundScale = (scale) => 2 ** Math.ceil(Math.log2(scale));
export const f16: RoundScale = (scale) => f16ToF32(f32ToF16(Float32Array.of(scale)))[0]!;
/** e4m3 times one number for the matrix. */
export const e4m3Times =
  (factor: number): RoundScale =>
  (scale) =>
    e4m3(encodeF8E4M3(scale / factor)) * factor;

export interface ScaledCodes {
  /** A number an element, row-major. */
  readonly codes: readonly number[];
  /** [⌈out / rows⌉, ⌈width / columns⌉] */
  readonly scales: Float64Array;
  readonly grid: readonly [number, number];
  /** By the definition: the product, exact in f64, rounded once. */
  readonly values: Float32Array;
}

/** Encodes with a scale for each block of `rows` × `columns`. */
export function encodeBlocks(
  { out, width, values }: Matrix,
  [rows, columns]: readonly [number, number],
  { largest, encode, valueOf }: Codes,
  round: RoundScale,
): ScaledCodes {
  const grid = [Math.ceil(out / rows), Math.ceil(width / columns)] as const;
  const blockOf = (i: number): number =>
    Math.floor(Math.floor(i / width) / rows) * grid[1] + Math.floor((i % width) / columns);
  const peaks = new Float64Array(grid[0] * grid[1]);
  for (const [i, x] of values.entries()) {
    peaks[blockOf(i)] = Math.max(peaks[blockOf(i)]!, Math.abs(x));
  }
  const scales = peaks.map((peak) => round(Math.max(peak, 2 ** -20) / largest));
  const codes = Array.from(values, (x, i) => encode(x / scales[blockOf(i)]!));
  const decoded = Float32Array.from(codes, (code, i) => valueOf(code) * scales[blockOf(i)]!);
  return { codes, scales, grid, values: decoded };
}

export interface ShiftedCodes {
  /** [out, width] */
  readonly codes: readonly number[];
  /** [out, groups] */
  readonly zeros: readonly number[];
  readonly scales: Float32Array;
  readonly values: Float32Array;
}

/** Codes from 0 to 15 with a zero point from 1 to 15 and an f16 scale for each `columns` of a row. */
export function encodeShifted({ out, width, values }: Matrix, columns: number): ShiftedCodes {
  const groups = width / columns;
  const parts = Array.from({ length: out * groups }, (_, i) =>
    values.subarray(i * columns, (i + 1) * columns),
  );
  const scales = Float32Array.from(parts, (part) =>
    f16((Math.max(...part) - Math.min(...part)) / 14 || 1),
  );
  const zeros = parts.map((part, i) => within(1, 15, Math.round(-Math.min(...part) / scales[i]!)));
  const codes = parts.flatMap((part, i) =>
    Array.from(part, (x) => within(0, 15, Math.round(x / scales[i]!) + zeros[i]!)),
  );
  const decoded = Float32Array.from(codes, (code, i) => {
    const group = Math.floor(i / columns);
    return (code - zeros[group]!) * scales[group]!;
  });
  return { codes, zeros, scales, values: decoded };
}

function within(least: number, most: number, x: number): number {
  return Math.min(most, Math.max(least, x));
}
