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

export interface UnitTiming {
  /** The first cycle in which the unit can take `instruction` once its queue is free. */
  ready(instruction: Instruction): number;
  /** Takes `instruction` in cycle `start`. `rows` is its real number of rows, 0 for a skipped load. */
  start(instruction: Instruction, start: number, rows: number): Span;
}
