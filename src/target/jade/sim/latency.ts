/**
 * How long each instruction keeps its unit busy, in cycles: closed forms of its fields, of the chip, and
 * of the row count where that comes from the chip. Transfers: cycles on the memory channel.
 */
import { type Chip } from '../../../chip/index.ts';
import { FORMAT_CODES, type Fields, type FieldsOf, type Opcode } from '../isa.table.ts';

type Latency<O extends Opcode> = (fields: FieldsOf<O>, chip: Chip, rows: number) => number;

/** `rows` is the real number of rows: the field, or what `rowCount` points to. */
export function busyCycles(
  op: Exclude<Opcode, 'matmul'>,
  fields: Fields,
  chip: Chip,
  rows: number,
): number {
  return (LATENCY[op] as (fields: Fields, chip: Chip, rows: number) => number)(fields, chip, rows);
}

const LATENCY: { readonly [O in Exclude<Opcode, 'matmul'>]: Latency<O> } = {
  load: (f, chip) => f.planes * f.rows * beats(f.rowBytes, chip),
  gather: (f, chip) => f.rows * beats(f.rowBytes, chip),
  store: (f, chip) => f.planes * f.rows * beats(f.rowBytes, chip),
  copy: rowPasses(1),
  add: rowPasses(2),
  mul: rowPasses(2),
  swiglu: rowPasses(2),
  silu: rowPasses(1),
  rms: rowPasses(2),
  rope: rowPasses(2),
  softmax: rowPasses(3),
  argmax: rowPasses(1),
  route: (f, chip) =>
    f.rows * groupsOf(f.columns, chip) * (4 + f.topGroups + f.topK) + pipelineOf(chip),
  dispatch: (f, chip) => f.rows * groupsOf(f.columns, chip) + pipelineOf(chip),
  combine: rowPasses(2),
  zero: rowPasses(1),
};

/** Cycles of one contiguous piece on the channel: whole beats, at least a burst. */
function beats(rowBytes: number, { memory, dma }: Chip): number {
  return Math.ceil(Math.max(rowBytes, dma.burstBytes) / memory.bytesPerCycle);
}

function groupsOf(columns: number, { vector }: Chip): number {
  return Math.ceil(columns / vector.lanes);
}

function pipelineOf({ vector }: Chip): number {
  return vector.pipelineCycles;
}

interface RowFields {
  readonly columns: number;
  readonly dFormat?: number;
  readonly group?: number;
}

/** rows · ⌈columns / lanes⌉ · passes + pipeline; a scale over more elements than lanes is one more pass. */
function rowPasses(passes: number): (fields: RowFields, chip: Chip, rows: number) => number {
  return (fields, chip, rows) => {
    const quantises = (fields.dFormat ?? FORMAT_CODES.f32) !== FORMAT_CODES.f32;
    const extra = quantises && fields.group! > chip.vector.lanes ? 1 : 0;
    return rows === 0
      ? 1
      : rows * groupsOf(fields.columns, chip) * (passes + extra) + pipelineOf(chip);
  };
}

/** The two resources of the matrix unit: the loader of weights and the array. */
export interface MatmulPhases {
  /** Cycles to load the first block of weights; the others load while the block before is used. */
  readonly firstLoad: number;
  /** Cycles the array works, and those of its last block, in which the loader is free. */
  readonly compute: number;
  readonly lastPass: number;
}

export function matmulPhases(f: FieldsOf<'matmul'>, { matrix }: Chip, rows: number): MatmulPhases {
  if (rows === 0) return { firstLoad: 0, compute: 1, lastPass: 0 };
  const whole = Math.floor(f.columns / matrix.columns);
  const rest = f.columns % matrix.columns;
  const tile = weightLoadCycles(matrix, matrix.columns, f.wFormat);
  const partial = weightLoadCycles(matrix, rest, f.wFormat);
  const pass = (load: number): number => Math.max(rows, load, matrix.accumulateCycles);
  const passes = whole * pass(tile) + (rest > 0 ? pass(partial) : 0);
  return {
    firstLoad: whole > 0 ? tile : partial,
    compute: (f.k / matrix.lanes) * passes,
    lastPass: pass(rest > 0 ? partial : tile),
  };
}

/** Cycles to bring one block of 32 × width weights into the array. */
function weightLoadCycles(
  { lanes, weightPortBytesPerCycle }: Chip['matrix'],
  width: number,
  format: number,
): number {
  const bits = format === FORMAT_CODES.mxfp4 ? 4 : 8;
  return Math.ceil((lanes * width * bits) / 8 / weightPortBytesPerCycle);
}
