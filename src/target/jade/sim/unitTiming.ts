/**
 * What the timing model asks of a unit. Each unit has a file of its own that must equal its RTL:
 * matrixTiming.ts, vectorTiming.ts, transferTiming.ts.
 */
import { type Instruction } from '../isa.table.ts';

/** The course of one instruction, in cycles of the run. */
export interface Span {
  /** When the unit works for it; for transfers, when the memory channel does. */
  readonly from: number;
  readonly to: number;
  /** Completion: tokens are given and banks are free from this cycle on. */
  readonly end: number;
  /** The first cycle in which its queue can start the next instruction. */
  readonly free: number;
}

/** `Cost` is what an instruction asks of the unit, whenever it starts. */
export interface UnitTiming<Cost> {
  /** The first cycle in which the unit can take `instruction` once its queue is free. */
  ready(instruction: Instruction): number;
  /** A closed form of its fields and of its real number of rows, which is 0 for a skipped load. */
  cost(instruction: Instruction, rows: number): Cost;
  /** Takes an instruction of that cost in cycle `start`. */
  start(cost: Cost, start: number): Span;
}
