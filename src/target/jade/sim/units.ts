/** The units of a chip in time, and what each instruction of a program asks of its own. */
import { QUEUES } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';
import { MatrixTiming } from './matrixTiming.ts';
import type { TimedProgram } from './timedProgram.ts';
import { TransferTiming } from './transferTiming.ts';
import { COST_NUMBERS, Course, type Costs, type UnitTiming } from './unitTiming.ts';
import { VectorTiming } from './vectorTiming.ts';

const MATRIX = QUEUES.indexOf('matrix');
const VECTOR = QUEUES.indexOf('vector');

/** Instructions and the queue of each. */
export interface UnitProgram extends Pick<TimedProgram, 'chip' | 'instructions'> {
  readonly queues: ArrayLike<number>;
}

export class Units {
  readonly transfers: TransferTiming;
  readonly costs: Costs;
  /** The course of the instruction that started last. */
  readonly course = new Course();
  private readonly program: UnitProgram;
  private readonly matrix: MatrixTiming;
  private readonly vector: VectorTiming;

  constructor(program: UnitProgram) {
    const { chip, instructions } = program;
    this.program = program;
    this.costs = new Float64Array(instructions.length * COST_NUMBERS);
    this.transfers = new TransferTiming(chip);
    this.matrix = new MatrixTiming(chip);
    this.vector = new VectorTiming(chip);
  }

  /** As before the first instruction; costs stay. */
  reset(): void {
    this.transfers.reset();
    this.matrix.reset();
  }

  /** Says on how many rows an instruction works, 0 for a skipped load. */
  setRows(index: number, rows: number): void {
    const { queues, instructions } = this.program;
    const unit = this.unitOf(queues[index]!);
    unit.cost(instructions[index]!, rows, this.costs, index * COST_NUMBERS);
  }

  private unitOf(queue: number): UnitTiming {
    if (queue === MATRIX) return this.matrix;
    return queue === VECTOR ? this.vector : this.transfers;
  }

  /** Each unit by its own call: a common one would be slower. */
  start(index: number, queue: number, start: number): void {
    const { costs, course } = this;
    const at = index * COST_NUMBERS;
    if (queue === MATRIX) this.matrix.start(costs, at, start, course);
    else if (queue === VECTOR) this.vector.start(costs, at, start, course);
    else this.transfers.start(costs, at, start, course);
  }

  save(state: ClockState): void {
    this.transfers.save(state);
    this.matrix.save(state);
  }

  restore(state: ClockState): void {
    this.transfers.restore(state);
    this.matrix.restore(state);
  }
}
