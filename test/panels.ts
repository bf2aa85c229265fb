/** Panels as plain TypeScript reads them, the judge of packing and kernels. */
import { f16ToF32, type Random } from '../src/base/index.ts';
import { type StoredFormat } from '../src/ir/index.ts';
import {
  BLOCK_COLUMNS,
  LINE_BYTES,
  PANEL_FORMATS,
  PANEL_ROWS,
  type PanelFormat,
  type PanelFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';

/** Where in panels element (n, k) is: its block, its lane in it, and the byte and the shift of its code. */
function placeOf({ bits, blockBytes }: PanelFormat, columns: number, n: number, k: number) {
  const blocks = columns / BLOCK_COLUMNS;
  const block = (Math.floor(n / PANEL_ROWS) * blocks + Math.floor(k / BLOCK_COLUMNS)) * blockBytes;
  const [lane, column] = [n % PANEL_ROWS, k % BLOCK_COLUMNS];
  const line = 2 * (column >> 2) + (lane >> 4);
  const high = bits === 4 && line >= 8;
  const at = block + LINE_BYTES * (1 + (high ? line - 8 : line)) + 4 * (lane & 15) + (column & 3);
  return { block, lane, at, shift: high ? 4 : 0 };
}

/** The integer of weight (n, k): its level without bias. */
export function integerAt(
  name: PanelFormatName,
  bytes: Uint8Array,
  columns: number,
  n: number,
  k: number,
): number {
  const format: PanelFormat = PANEL_FORMATS[name];
  const { at, shift } = placeOf(format, columns, n, k);
  const code = format.bits === 8 ? bytes[at]! : (bytes[at]! >> shift) & 15;
  return format.levels?.[code] ?? code - format.bias;
}

/** The scale of the block of weight (n, k). */
export function scaleAt(
  name: PanelFormatName,
  bytes: Uint8Array,
  columns: number,
  n: number,
  k: number,
): number {
  const { block, lane } = placeOf(PANEL_FORMATS[name], columns, n, k);
  const at = block + 2 * lane;
  return f16ToF32(Uint16Array.of(bytes[at]! | (bytes[at + 1]! << 8)))[0]!;
}

/** Random rows as they are stored: any codes, scales around 0.05. */
export function randomStored(
  name: PanelFormatName,
  random: Random,
  rows: number,
  columns: number,
): Uint8Array<ArrayBuffer> {
  const { bytes, codesAt } = PANEL_FORMATS[name].stored;
  const stored = Uint8Array.from(
    { length: rows * (columns / BLOCK_COLUMNS) * bytes },
    () => random.uint32() >>> 24,
  );
  for (let at = 0; at < stored.length; at += bytes) {
    if (codesAt === 1) stored[at] = 118 + (random.uint32() >>> 29);
    else stored[at + 1] = ((random.uint32() >>> 31) << 7) | 0x28 | (random.uint32() >>> 30);
  }
  return stored;
}

/** All formats of panels. */
export const PANEL_NAMES = Object.keys(PANEL_FORMATS) as (PanelFormatName & StoredFormat)[];

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

/** The definition of products on panels: out [M][N], bit for bit. */
export function productOnPanels(
  name: PanelFormatName,
  x: QuantizedRows,
  w: Uint8Array,
  [M, N, K]: readonly [number, number, number],
): Float32Array {
  const out = new Float32Array(M * N);
  for (let n = 0; n < N; n++) {
    const integers = Array.from({ length: K }, (_, k) => integerAt(name, w, K, n, k));
    for (let k = 0; k < K; k += BLOCK_COLUMNS) {
      const scale = scaleAt(name, w, K, n, k);
      for (let m = 0; m < M; m++) {
        let sum = 0;
        for (let i = 0; i < BLOCK_COLUMNS; i++)
          sum += integers[k + i]! * x.integers[m * K + k + i]!;
        const scales = Math.fround(scale * x.scales[(m * K + k) / BLOCK_COLUMNS]!);
        out[m * N + n]! += Math.fround(Math.fround(sum) * scales);
      }
    }
  }
  return out;
}
