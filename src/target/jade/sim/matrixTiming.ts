/**
 * How long a matmul keeps the loader of weights and the array, in cycles: closed forms of its fields, of
 * the chip, and of the row count where that comes from the chip. The hardware is rtl/matrix.
 */
import { type Chip } from '../../../chip/index.ts';
import { FORMAT_CODES, NONE, type FieldsOf } from '../isa.table.ts';

/**
 * The passes of one instruction. The first may begin `firstBlock` after the start, when the array is
 * free; the last begins `lastPass` after the first, and then the loader is free; the array is free
 * `occupied` after that, and the instruction complete `drain` after that pass began.
 */
export interface MatmulPhases {
  readonly firstBlock: number;
  readonly lastPass: number;
  readonly occupied: number;
  readonly drain: number;
  /** Cycles in which the array multiplies. */
  readonly busy: number;
}

/** Cycles from the start to the first request of weights; and with a count of rows to read first. */
const LEAD = 1;
const COUNTED_LEAD = 5;
/** Bytes of a block: a scale, and 32 elements of 8 or 4 bits. */
const BLOCK_BYTES = { wide: 33, narrow: 17 };

export function matmulPhases(f: FieldsOf<'matmul'>, { matrix }: Chip, rows: number): MatmulPhases {
  const lead = f.rowCount === NONE ? LEAD : COUNTED_LEAD;
  const { pipelineCycles, accumulateCycles } = matrix;
  if (rows === 0) {
    return { firstBlock: lead, lastPass: 0, occupied: 1, drain: pipelineCycles, busy: 0 };
  }
  const blocks = f.k / matrix.lanes;
  const tiles = Math.ceil(f.columns / matrix.columns);
  const lastWidth = f.columns - (tiles - 1) * matrix.columns;
  const [whole, rest] = [matrix.columns, lastWidth].map((width) => loadCycles(f, matrix, width));
  const shortest = Math.max(rows, accumulateCycles);
  const after = (load: number): number => Math.max(shortest, load + 1);
  const first = tiles > 1 ? whole! : rest!;
  const lastPass =
    tiles > 1
      ? ((tiles - 1) * blocks - 1) * after(whole!) + blocks * after(rest!)
      : (blocks - 1) * after(rest!);
  return {
    firstBlock: lead + first,
    lastPass,
    occupied: shortest,
    drain: rows - 1 + pipelineCycles,
    busy: tiles * blocks * rows,
  };
}

/** Cycles to ask for the weights of one pass, `width` columns wide. */
function loadCycles(f: FieldsOf<'matmul'>, matrix: Chip['matrix'], width: number): number {
  if (f.transposed === 1) return matrix.lanes;
  const block = f.wFormat === FORMAT_CODES.mxfp4 ? BLOCK_BYTES.narrow : BLOCK_BYTES.wide;
  const isPacked = f.wStride === block;
  return isPacked ? Math.ceil(width / Math.floor(matrix.weightPortBytesPerCycle / block)) : width;
}
