/** Values of the matrix unit: operands are decoded to dense rows, products are those of arith. */
import { MX_BLOCK, type MxFormat } from '../../../ir/index.ts';
import { decodeElements, UNIT_EXPONENTS } from '../arith/mx.ts';
import { type DotRows } from '../arith/dot.ts';
import { fastDot } from '../arith/fastDot.ts';
import { FORMAT_CODES, NONE, type FieldsOf } from '../isa.table.ts';
import { indexAt, wordAt, type ChipState } from './state.ts';

type Matmul = FieldsOf<'matmul'>;

/** Decoded rows, and where a scratch array of each kind is kept between instructions. */
class Scratch {
  private integers = new Int8Array(0);
  private floats = new Float32Array(0);
  private bytes = new Uint8Array(0);

  elements(format: MxFormat, count: number): Int8Array | Float32Array {
    if (format === 'mxfp8') {
      if (this.floats.length < count) this.floats = new Float32Array(count);
      return this.floats;
    }
    if (this.integers.length < count) this.integers = new Int8Array(count);
    return this.integers;
  }

  scales(count: number): Uint8Array {
    if (this.bytes.length < count) this.bytes = new Uint8Array(count);
    return this.bytes;
  }
}

const activationScratch = new Scratch();
const weightScratch = new Scratch();

const FORMATS = new Map<number, MxFormat>([
  [FORMAT_CODES.mxint8, 'mxint8'],
  [FORMAT_CODES.mxfp8, 'mxfp8'],
  [FORMAT_CODES.mxfp4, 'mxfp4'],
]);

export function matmul(f: Matmul, state: ChipState, rows: number): void {
  if (rows === 0) return;
  const activation = state.chip.matrix.activationFormat;
  const weight = FORMATS.get(f.wFormat)!;
  fastDot({
    a: activationRows(f, state, rows, activation),
    w: f.transposed === 1 ? transposedRows(f, state, weight) : weightRows(f, state, weight),
    M: rows,
    N: f.columns,
    K: f.k,
    unitExponent: UNIT_EXPONENTS[activation] + UNIT_EXPONENTS[weight],
    out: state.localF32,
    outOffset: wordAt(f.c),
    outStride: f.cStride / 4,
    accumulate: f.accumulate === 1,
  });
}

/** Rows (t, j) of the activations, gathered: by list, or in order. */
function activationRows(f: Matmul, state: ChipState, rows: number, format: MxFormat): DotRows {
  const elements = activationScratch.elements(format, rows * f.k);
  const blocks = f.k / MX_BLOCK;
  const scales = activationScratch.scales(rows * blocks);
  for (let r = 0; r < rows; r++) {
    const at = rowOffset(f, state, r);
    decodeElements(state.local, f.aData + at, f.k, format, elements, r * f.k);
    for (let b = 0; b < blocks; b++) scales[r * blocks + b] = state.local[f.aScale + at + b]!;
  }
  return { elements, offset: 0, stride: f.k, scales, scaleOffset: 0, scaleStride: blocks };
}

function rowOffset(f: Matmul, state: ChipState, r: number): number {
  if (f.rowList !== NONE) return indexAt(state, f.rowList + r * 4, f.rows) * f.aStride;
  return Math.floor(r / f.inner) * f.aStride + (r % f.inner) * f.aInner;
}

/** Weights as stored: int8 needs no decoding, so its rows are read in place. */
function weightRows(f: Matmul, state: ChipState, format: MxFormat): DotRows {
  const scaled = f.wScale !== NONE;
  const scales = {
    scales: scaled ? state.local : undefined,
    scaleOffset: f.wScale,
    scaleStride: f.wScaleStride,
  };
  if (format === 'mxint8') {
    return { elements: state.localI8, offset: f.wData, stride: f.wStride, ...scales };
  }
  const elements = weightScratch.elements(format, f.columns * f.k);
  for (let n = 0; n < f.columns; n++) {
    decodeElements(state.local, f.wData + n * f.wStride, f.k, format, elements, n * f.k);
  }
  return { elements, offset: 0, stride: f.k, ...scales };
}

/** A stored row is one k and holds the N columns; every scale is 2^0. */
function transposedRows(f: Matmul, state: ChipState, format: MxFormat): DotRows {
  const elements = weightScratch.elements(format, f.columns * f.k);
  const row = format === 'mxfp8' ? new Float32Array(f.columns) : new Int8Array(f.columns);
  for (let k = 0; k < f.k; k++) {
    decodeElements(state.local, f.wData + k * f.wStride, f.columns, format, row, 0);
    for (let n = 0; n < f.columns; n++) elements[n * f.k + k] = row[n]!;
  }
  return { elements, offset: 0, stride: f.k, scales: undefined, scaleOffset: 0, scaleStride: 0 };
}
