/** The vector unit in time: one instruction after another, each as long as its closed form says. */
import { type Instruction } from '../isa.table.ts';
import { vectorCycles, type VectorShape } from '../vector/cycles.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';

export { vectorCycles } from '../vector/cycles.ts';

export class VectorTiming implements UnitTiming<number> {
  private readonly chip: VectorShape;

  constructor(chip: VectorShape) {
    this.chip = chip;
  }

  ready(): number {
    return 0;
  }

  cost({ op, fields }: Instruction, rows: number): number {
    return vectorCycles(op, fields, this.chip, rows);
  }

  start(cycles: number, start: number): Span {
    const end = start + cycles;
    return { from: start, to: end, end, free: end };
  }
}
