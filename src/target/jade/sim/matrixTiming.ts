/**
 * Time of the matrix unit, as in rtl/matrix: a loader of weights and an array.
 *
 * A product is passes, one for each tile of `columns` outputs and each block along k. An instruction
 * starts when the loader is free, that is in the cycle after the last pass of the one before began. A
 * pass begins when its weights are asked for and the pass before has had its cycles: one a row, and
 * those an accumulator takes to show its new value.
 */
import { type Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { blockBytes, MX_FORMATS, NONE, type FieldsOf, type Instruction } from '../isa.table.ts';
import { type ClockState } from './clockState.ts';
import { type Costs, type Course, type UnitTiming } from './unitTiming.ts';

/** Cycles from a start to the first request of weights; with a count of rows to be read before that. */
const LEAD_CYCLES = 1;
const COUNTED_LEAD_CYCLES = 5;

/**
 * The passes of one instruction, in cycles. The first may begin `firstPass` after the start, when the
 * array is free; the last begins `lastPass` after the first; the array is free `occupied` after the last
 * began, and the instruction complete `drain` after that.
 */
export interface MatmulPhases {
  readonly firstPass: number;
  readonly lastPass: number;
  readonly occupied: number;
  readonly drain: number;
}

/** The phases of a product of `rows` rows, a closed form of the fields. */
export function matmulPhases(f: FieldsOf<'matmul'>, { matrix }: Chip, rows: number): MatmulPhases {
  const lead = f.rowCount === NONE ? LEAD_CYCLES : COUNTED_LEAD_CYCLES;
  const { pipelineCycles, accumulateCycles } = matrix;
  if (rows === 0) return { firstPass: lead, lastPass: 0, occupied: 1, drain: pipelineCycles };
  const blocks = f.k / MX_BLOCK;
  const tiles = Math.ceil(f.columns / matrix.columns);
  const whole = loadCycles(f, matrix, matrix.columns);
  const last = loadCycles(f, matrix, f.columns - (tiles - 1) * matrix.columns);
  const occupied = Math.max(rows, accumulateCycles);
  // From one pass to the next, whose weights are asked for meanwhile.
  const step = (load: number): number => Math.max(occupied, load + 1);
  const toLastTile = tiles === 1 ? 0 : ((tiles - 1) * blocks - 1) * step(whole) + step(last);
  return {
    firstPass: lead + (tiles === 1 ? last : whole),
    lastPass: toLastTile + (blocks - 1) * step(last),
    occupied,
    drain: rows - 1 + pipelineCycles,
  };
}

/** Cycles to ask for the blocks of `width` outputs. */
function loadCycles(f: FieldsOf<'matmul'>, matrix: Chip['matrix'], width: number): number {
  if (f.transposed === 1) return MX_BLOCK;
  const block = blockBytes(MX_FORMATS.get(f.wFormat)!);
  const blocksPerCycle =
    f.wStride === block ? Math.floor(matrix.weightPortBytesPerCycle / block) : 1;
  return Math.ceil(width / blocksPerCycle);
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
