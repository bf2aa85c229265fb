/**
 * Time of the matrix unit, as in rtl/matrix: a loader of weights and an array.
 *
 * A product is passes, one for each tile of `columns` outputs and each block along k. An instruction
 * starts when the loader is free, that is in the cycle after the last pass of the one before began. A
 * pass begins when its weights are asked for and the pass before has had its cycles: one a row, and
 * those an accumulator takes to show its new value.
 */
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { blockBytes, MX_FORMATS, NONE, type FieldsOf, type Instruction } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';
import type { Costs, Course, UnitTiming } from './unitTiming.ts';

/** Cycles from a start to the first request of weights, and to read a count of rows before that. */
const LEAD_CYCLES = 1;
const COUNT_CYCLES = 4;
/** From the start of a product that finds a count of no rows to its only pass; the loader is free in the cycle after. */
export const EMPTY_PRODUCT_CYCLES = LEAD_CYCLES + COUNT_CYCLES;

/**
 * The passes of one instruction, in cycles. The first may begin `firstPass` after the start, when the
 * array is free; the last begins `lastPass` after the first; the array is free `occupied` after the last
 * began, and the instruction complete `drain` after that.
 */
export class MatmulPhases {
  firstPass = 0;
  lastPass = 0;
  occupied = 0;
  drain = 0;

  /** Of a product of `rows` rows, whose weights come `blocksPerCycle` blocks a cycle; 0 when transposed. */
  set(columns: number, k: number, rows: number, blocksPerCycle: number, matrix: Matrix): void {
    const blocks = k / MX_BLOCK;
    const tiles = Math.ceil(columns / matrix.columns);
    const occupied = Math.max(rows, matrix.accumulateCycles);
    const last = loadCycles(columns - (tiles - 1) * matrix.columns, blocksPerCycle);
    // From one pass to the next, whose weights are asked for meanwhile.
    const step = Math.max(occupied, last + 1);
    this.firstPass = LEAD_CYCLES + last;
    this.lastPass = (blocks - 1) * step;
    if (tiles > 1) {
      const whole = loadCycles(matrix.columns, blocksPerCycle);
      this.firstPass = LEAD_CYCLES + whole;
      this.lastPass += ((tiles - 1) * blocks - 1) * Math.max(occupied, whole + 1) + step;
    }
    this.occupied = occupied;
    this.drain = rows - 1 + matrix.pipelineCycles;
  }

  /** Without rows. */
  setEmpty(matrix: Matrix): void {
    this.firstPass = LEAD_CYCLES;
    this.lastPass = 0;
    this.occupied = 1;
    this.drain = matrix.pipelineCycles;
  }
}

type Matrix = Chip['matrix'];

/** The phases of an instruction on `rows` rows, a closed form of its fields. */
export function matmulPhases(f: FieldsOf<'matmul'>, { matrix }: Chip, rows: number): MatmulPhases {
  const phases = new MatmulPhases();
  if (rows === 0) phases.setEmpty(matrix);
  else phases.set(f.columns, f.k, rows, blocksPerCycleOf(f, matrix), matrix);
  if (f.rowCount !== NONE) phases.firstPass += COUNT_CYCLES;
  return phases;
}

function blocksPerCycleOf(f: FieldsOf<'matmul'>, matrix: Matrix): number {
  if (f.transposed === 1) return 0;
  const block = blockBytes(MX_FORMATS.get(f.wFormat)!);
  return f.wStride === block ? packedBlocks(block, matrix) : 1;
}

/** Blocks of weights that lie one behind the other, a cycle. */
export function packedBlocks(block: number, { weightPortBytesPerCycle }: Matrix): number {
  return Math.floor(weightPortBytesPerCycle / block);
}

/** Cycles to ask for the blocks of `width` outputs. */
function loadCycles(width: number, blocksPerCycle: number): number {
  return blocksPerCycle === 0 ? MX_BLOCK : Math.ceil(width / blocksPerCycle);
}

export class MatrixTiming implements UnitTiming {
  private readonly chip: Chip;
  private arrayFree = 0;

  constructor(chip: Chip) {
    this.chip = chip;
  }

  cost({ fields }: Instruction, rows: number, costs: Costs, at: number): void {
    const phases = matmulPhases(fields as FieldsOf<'matmul'>, this.chip, rows);
    costs[at] = phases.firstPass;
    costs[at + 1] = phases.lastPass;
    costs[at + 2] = phases.occupied;
    costs[at + 3] = phases.drain;
  }

  start(costs: Costs, at: number, start: number, course: Course): void {
    const from = Math.max(start + costs[at]!, this.arrayFree);
    const last = from + costs[at + 1]!;
    const to = last + costs[at + 2]!;
    this.arrayFree = to;
    course.from = from;
    course.to = to;
    course.end = last + costs[at + 3]!;
    course.free = last + 1;
  }

  reset(): void {
    this.arrayFree = 0;
  }

  save(state: ClockState): void {
    state.addTime(this.arrayFree);
  }

  restore(state: ClockState): void {
    this.arrayFree = state.nextTime();
  }
}
