/** Widths of the vector unit, from the chip. */
import { MX_BLOCK, type MxFormat } from '../../../../ir/index.ts';

/** What of the chip the unit depends on. */
export interface VectorChip {
  readonly vector: { readonly lanes: number; readonly operationCycles: number };
  readonly matrix: { readonly activationFormat: MxFormat };
}

export interface VectorWidths {
  readonly lanes: number;
  /** Interleaved contexts, and the latency of an operation. */
  readonly contexts: number;
  readonly format: MxFormat;
  readonly addressBits: number;
  /** Of a number of columns: a row of f32 lies on the chip. */
  readonly columnBits: number;
  /** Of a number of lanes, from none to all. */
  readonly lanesBits: number;
  /** Of a number of bytes of a window. */
  readonly bytesBits: number;
}

/** Bits of numbers of rows. */
export const ROW_BITS = 20;
/** Of a shift of a word. */
export const SHIFT_BITS = 5;

export function vectorWidths({ vector, matrix }: VectorChip, addressBits: number): VectorWidths {
  const lanesBits = Math.log2(vector.lanes) + 1;
  return {
    lanes: vector.lanes,
    contexts: vector.operationCycles,
    format: matrix.activationFormat,
    addressBits,
    columnBits: addressBits - 1,
    lanesBits,
    bytesBits: lanesBits + 2,
  };
}

/** Bytes of the blocks of `columns` columns: the elements, and a scale for each block. */
export function blockBytes(columns: number): number {
  return columns + columns / MX_BLOCK;
}
