/** The vector unit in time: one instruction after another, each as long as its closed form says. */
import { type Instruction } from '../isa.table.ts';
import { vectorCycles, type VectorShape } from '../vector/cycles.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';

export { vectorCycles } from '../vector/cycles.ts';

export class VectorTiming implements UnitTiming {
  private readonly chip: VectorShape;

  constructor(chip: VectorShape) {
    this.chip = chip;
  }

  ready(): number {
    return 0;
  }

  start({ op, fields }: Instruction, start: number, rows: number): Span {
    const end = start + vectorCycles(op, fields, this.chip, rows);
    return { from: start, to: end, end, free: end };
  }
}
