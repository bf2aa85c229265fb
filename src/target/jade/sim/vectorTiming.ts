/** The vector unit in time: one instruction after another, each as long as its closed form says. */
import type { Instruction } from '../isa.table.ts';
import { vectorCycles, type VectorShape } from '../vector/cycles.ts';
import type { Costs, Course, UnitTiming } from './unitTiming.ts';

export { vectorCycles } from '../vector/cycles.ts';

export class VectorTiming implements UnitTiming {
  private readonly chip: VectorShape;

  constructor(chip: VectorShape) {
    this.chip = chip;
  }

  cost({ op, fields }: Instruction, rows: number, costs: Costs, at: number): void {
    costs[at] = vectorCycles(op, fields, this.chip, rows);
  }

  start(costs: Costs, at: number, start: number, course: Course): void {
    const end = start + costs[at]!;
    course.from = start;
    course.to = end;
    course.end = end;
    course.free = end;
  }

  reset(): void {}
}
