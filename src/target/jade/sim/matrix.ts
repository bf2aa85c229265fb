/** Values of the matrix unit: operands are decoded to dense rows, products are those of arith. */
import { MX_BLOCK, type MxFormat } from '../../../ir/index.ts';
import { decodeElements, UNIT_EXPONENTS } from '../arith/mx.ts';
import type { DotRows } from '../arith/dot.ts';
import { blockBytes, MX_FORMATS, NONE, type FieldsOf } from '../isa.table.ts';
import { DenseRows } from './denseRows.ts';
import { indexAt, wordAt, type ChipState } from './state.ts';

type Matmul = FieldsOf<'matmul'>;

const activationScratch = new DenseRows();
const weightScratch = new DenseRows();

export function matmul(f: Matmul, state: ChipState, rows: number): void {
  if (rows === 0) return;
  const activation = state.chip.matrix.activationFormat;
  const weight = MX_FORMATS.get(f.wFormat)!;
  state.dot({
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
  const at = Float64Array.from({ length: rows }, (_, r) => f.a + rowOffset(f, state, r));
  const blocks = { at, blocks: f.k / MX_BLOCK, stride: blockBytes(format) };
  return activationScratch.decode(state, blocks, format);
}

function rowOffset(f: Matmul, state: ChipState, r: number): number {
  if (f.rowList !== NONE) return indexAt(state, f.rowList + r * 4, f.rows) * f.aStride;
  return Math.floor(r / f.inner) * f.aStride + (r % f.inner) * f.aInner;
}

function weightRows(f: Matmul, state: ChipState, format: MxFormat): DotRows {
  const at = Float64Array.from({ length: f.columns }, (_, n) => f.w + n * f.wStride);
  const blocks = { at, blocks: f.k / MX_BLOCK, stride: f.wBlockStride };
  return weightScratch.decode(state, blocks, format);
}

/** A stored row is one k and holds the N columns as blocks; every scale is 2^0. */
function transposedRows(f: Matmul, state: ChipState, format: MxFormat): DotRows {
  const elements = weightScratch.elements(format, f.columns * f.k);
  const block = format === 'mxfp8' ? new Float32Array(MX_BLOCK) : new Int8Array(MX_BLOCK);
  for (let k = 0; k < f.k; k++) {
    for (let n = 0; n < f.columns; n += MX_BLOCK) {
      const at = f.w + k * f.wStride + (n / MX_BLOCK) * f.wBlockStride;
      decodeElements(state.local, at + 1, MX_BLOCK, format, block, 0);
      for (let i = 0; i < MX_BLOCK; i++) elements[(n + i) * f.k + k] = block[i]!;
    }
  }
  return { elements, offset: 0, stride: f.k, scales: undefined, scaleOffset: 0, scaleStride: 0 };
}
