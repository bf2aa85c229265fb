/** Panels as plain TypeScript reads them, the judge of packing and kernels. */
import { f16ToF32, type Random } from '../src/base/index.ts';
import type { StoredFormat } from '../src/ir/index.ts';
import {
  BLOCK_COLUMNS,
  LINE_BYTES,
  INTEGER_FORMATS,
  PANEL_ROWS,
  type IntegerFormat,
  type IntegerFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';

/** Where in panels element (n, k) is: its unit and its block, its lane, and the byte of its first line of codes. */
function placeOf({ planes, scaling }: IntegerFormat, columns: number, n: number, k: number) {
  const { unitBlocks, hasMin, integers } = scaling;
  const headerBytes = LINE_BYTES * (hasMin ? 2 : 1);
  const codesAt = integers ? LINE_BYTES : 0;
  const bits = planes.reduce<number>((sum, plane) => sum + plane, 0);
  const blockBytes = codesAt + 2 * LINE_BYTES * bits;
  const unitBytes = headerBytes + unitBlocks * blockBytes;
  const units = columns / BLOCK_COLUMNS / unitBlocks;
  const [lane, index] = [n % PANEL_ROWS, Math.floor(k / BLOCK_COLUMNS)];
  const unit = (Math.floor(n / PANEL_ROWS) * units + Math.floor(index / unitBlocks)) * unitBytes;
  const block = unit + headerBytes + (index % unitBlocks) * blockBytes;
  const inLine = 4 * (lane & 15) + (k & 3);
  const line = 2 * ((k % BLOCK_COLUMNS) >> 2) + (lane >> 4);
  return { unit, block, lane, line, codes: block + codesAt + inLine };
}

/** The integer of weight (n, k): its level without bias. */
export function integerAt(
  name: IntegerFormatName,
  bytes: Uint8Array,
  columns: number,
  n: number,
  k: number,
): number {
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { line, codes } = placeOf(format, columns, n, k);
  let [code, first, from] = [0, 0, 0];
  for (const bits of format.planes) {
    const lines = 2 * bits;
    const byte = bytes[codes + LINE_BYTES * (first + (line % lines))]!;
    code |= ((byte >> (bits * Math.floor(line / lines))) & ((1 << bits) - 1)) << from;
    [first, from] = [first + lines, from + bits];
  }
  return format.levels?.[code] ?? code - format.bias;
}

function halfAt(bytes: Uint8Array, at: number): number {
  return f16ToF32(Uint16Array.of(bytes[at]! | (bytes[at + 1]! << 8)))[0]!;
}

/** The part of its block that column k is in. */
function partOf({ scaling }: IntegerFormat, k: number): number {
  return Math.floor(((k % BLOCK_COLUMNS) * scaling.parts) / BLOCK_COLUMNS);
}

/** The scale of weight (n, k). */
export function scaleAt(
  name: IntegerFormatName,
  bytes: Uint8Array,
  columns: number,
  n: number,
  k: number,
): number {
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { unit, block, lane } = placeOf(format, columns, n, k);
  const scale = halfAt(bytes, unit + 2 * lane);
  const integer = bytes[block + PANEL_ROWS * partOf(format, k) + lane]!;
  if (format.scaling.integers === undefined) return scale;
  return scale * (format.scaling.integers === 'nibbles' ? integer & 15 : (integer << 24) >> 24);
}

/** What is subtracted from weight (n, k). */
export function minAt(
  name: IntegerFormatName,
  bytes: Uint8Array,
  columns: number,
  n: number,
  k: number,
): number {
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { hasMin, integers } = format.scaling;
  if (!hasMin) return 0;
  const { unit, block, lane } = placeOf(format, columns, n, k);
  const min = halfAt(bytes, unit + LINE_BYTES + 2 * lane);
  if (integers === undefined) return min;
  if (integers === 'bytes') return min * bytes[block + PANEL_ROWS + lane]!;
  return min * (bytes[block + PANEL_ROWS * partOf(format, k) + lane]! >> 4);
}

/** Weight (n, k), rounded to f32. */
export function weightAt(
  ...where: readonly [IntegerFormatName, Uint8Array, columns: number, n: number, k: number]
): number {
  return Math.fround(integerAt(...where) * scaleAt(...where) - minAt(...where)) + 0;
}

/** Bytes of a stored block where f16 numbers are; other formats have one at byte 0. */
const HALVES: Partial<Record<IntegerFormatName, readonly number[]>> = {
  MXFP4: [],
  Q4_1: [0, 2],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

/** Random rows as they are stored: any codes and small integers, f16 numbers around 0.05, or a thousandth of it. */
export function randomStored(
  name: IntegerFormatName,
  random: Random,
  rows: number,
  columns: number,
): Uint8Array<ArrayBuffer> {
  const { stored: block, scaling }: IntegerFormat = INTEGER_FORMATS[name];
  const stored = Uint8Array.from(
    { length: rows * (columns / block.columns) * block.bytes },
    () => random.uint32() >>> 24,
  );
  const exponent = scaling.integers ? 0x14 : 0x28;
  for (let at = 0; at < stored.length; at += block.bytes) {
    if (name === 'MXFP4') stored[at] = 118 + (random.uint32() >>> 29);
    for (const half of HALVES[name] ?? [0]) {
      const [sign, low] = [random.uint32() >>> 31, random.uint32() >>> 30];
      stored[at + half + 1] = (sign << 7) | exponent | low;
    }
  }
  return stored;
}

/** All formats of panels. */
export const PANEL_NAMES = Object.keys(INTEGER_FORMATS) as (IntegerFormatName & StoredFormat)[];

/** Odd numbers of whole units of columns. */
export function columnsOf(name: IntegerFormatName, units: number): number {
  return units * BLOCK_COLUMNS * INTEGER_FORMATS[name].scaling.unitBlocks;
}

/** Rows of activations in 8 bits: integers, and a scale for each 32 of them. */
export interface QuantizedRows {
  readonly integers: Int8Array;
  readonly scales: Float32Array;
}

/** The definition: half to even, with f32 arithmetic. */
export function quantizedRows(x: Float32Array): QuantizedRows {
  const blocks = x.length / BLOCK_COLUMNS;
  const [integers, scales] = [new Int8Array(x.length), new Float32Array(blocks)];
  for (let block = 0; block < blocks; block++) {
    const values = x.subarray(block * BLOCK_COLUMNS, (block + 1) * BLOCK_COLUMNS);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const inverse = largest < 2 ** -100 ? 0 : Math.fround(127 / largest);
    scales[block] = largest / 127;
    for (const [i, value] of values.entries()) {
      integers[block * BLOCK_COLUMNS + i] = roundToEven(Math.fround(value * inverse));
    }
  }
  return { integers, scales };
}

function roundToEven(value: number): number {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** The definition of products on panels: out [M][N], bit for bit; `fused`: each product and sum with one rounding. */
export function productOnPanels(
  name: IntegerFormatName,
  x: QuantizedRows,
  w: Uint8Array,
  [M, N, K]: readonly [number, number, number],
  fused: boolean,
): Float32Array {
  // Exact in f64; so is all but the rarest of sums to more bits than f32 has.
  const rounded = fused ? (product: number): number => product : Math.fround;
  const { scaling }: IntegerFormat = INTEGER_FORMATS[name];
  const columns = BLOCK_COLUMNS / scaling.parts;
  const out = new Float32Array(M * N);
  for (let n = 0; n < N; n++) {
    const integers = Array.from({ length: K }, (_, k) => integerAt(name, w, K, n, k));
    for (let k = 0; k < K; k += columns) {
      const [scale, min] = [scaleAt(name, w, K, n, k), minAt(name, w, K, n, k)];
      for (let m = 0; m < M; m++) {
        const [row, at] = [x.integers.subarray(m * K + k, m * K + k + columns), m * N + n];
        const scaleA = x.scales[Math.floor((m * K + k) / BLOCK_COLUMNS)]!;
        const sum = row.reduce((total, a, i) => total + integers[k + i]! * a, 0);
        out[at]! += rounded(Math.fround(sum) * Math.fround(scale * scaleA));
        if (!scaling.hasMin) continue;
        const negative = row.reduce((total, a) => total - a, 0);
        out[at]! += rounded(negative * Math.fround(min * scaleA));
      }
    }
  }
  return out;
}
