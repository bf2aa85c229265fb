/**
 * What the timing model asks of a unit. Each unit has a file of its own that must equal its RTL:
 * matrixTiming.ts, vectorTiming.ts, transferTiming.ts. Costs and courses are numbers in memory that is
 * there before a run: the clock makes no objects.
 */
import type { Instruction } from '../isa.table.ts';

/** The course of one instruction, in cycles of the run. */
export class Course {
  /** When the unit works for it; for transfers, when the memory channel does. */
  from = 0;
  to = 0;
  /** Completion: tokens are given and banks are free from this cycle on. */
  end = 0;
  /** The first cycle in which its queue can start the next instruction. */
  free = 0;
}

/** Numbers of the cost of an instruction, as many as the unit with the most has. */
export const COST_NUMBERS = 4;

/** Costs of instructions, COST_NUMBERS each; `at` is where those of one begin. */
export type Costs = Float64Array;

/** The cost of an instruction is what it asks of the unit, whenever it starts. */
export interface UnitTiming {
  /** Writes a closed form of its fields and of its real number of rows, which is 0 for a skipped load. */
  cost(instruction: Instruction, rows: number, costs: Costs, at: number): void;
  /** Takes the instruction with the costs at `at` in cycle `start`, and tells its course. */
  start(costs: Costs, at: number, start: number, course: Course): void;
  /** As before the first instruction. */
  reset(): void;
}
