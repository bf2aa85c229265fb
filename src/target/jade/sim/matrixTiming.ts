/**
 * Time of the matrix unit: a loader of weights and an array.
 *
 * A product is passes, one for each group of `columns` outputs and each block along k. An instruction
 * starts when the loader is free, that is in the last pass of the one before; the array takes it when
 * its first pass is loaded and the array is free; it completes when the pipeline has drained.
 */
import { type Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { blockBytes, MX_FORMATS, type FieldsOf, type Instruction } from '../isa.table.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';

export interface MatmulPhases {
  /** Cycles to load the weights of the first pass; the others load while the pass before is used. */
  readonly firstLoad: number;
  /** Cycles the array works, and those of its last pass, in which the loader is free. */
  readonly compute: number;
  readonly lastPass: number;
}

/** The phases of a product of `rows` rows. */
export function matmulPhases(f: FieldsOf<'matmul'>, { matrix }: Chip, rows: number): MatmulPhases {
  if (rows === 0) return { firstLoad: 0, compute: 1, lastPass: 0 };
  const whole = Math.floor(f.columns / matrix.columns);
  const rest = f.columns % matrix.columns;
  const [tile, partial] = [loadCycles(f, matrix, matrix.columns), loadCycles(f, matrix, rest)];
  const pass = (load: number): number => Math.max(rows, load, matrix.accumulateCycles);
  const passes = whole * pass(tile) + (rest > 0 ? pass(partial) : 0);
  return {
    firstLoad: whole > 0 ? tile : partial,
    compute: (f.k / MX_BLOCK) * passes,
    lastPass: pass(rest > 0 ? partial : tile),
  };
}

/** Cycles to bring the blocks of `width` outputs into the array. */
function loadCycles(f: FieldsOf<'matmul'>, matrix: Chip['matrix'], width: number): number {
  if (f.transposed === 1) return MX_BLOCK;
  const block = blockBytes(MX_FORMATS.get(f.wFormat)!);
  const blocksPerCycle =
    f.wStride === block ? Math.floor(matrix.weightPortBytesPerCycle / block) : 1;
  return Math.ceil(width / blocksPerCycle);
}

export class MatrixTiming implements UnitTiming<MatmulPhases> {
  private readonly chip: Chip;
  private arrayFree = 0;

  constructor(chip: Chip) {
    this.chip = chip;
  }

  ready(): number {
    return 0;
  }

  cost({ fields }: Instruction, rows: number): MatmulPhases {
    return matmulPhases(fields as FieldsOf<'matmul'>, this.chip, rows);
  }

  start(phases: MatmulPhases, start: number): Span {
    const from = Math.max(start + phases.firstLoad, this.arrayFree);
    const to = from + phases.compute;
    this.arrayFree = to;
    const free = Math.max(start + 1, to - phases.lastPass);
    return { from, to, end: to + this.chip.matrix.pipelineCycles, free };
  }
}
