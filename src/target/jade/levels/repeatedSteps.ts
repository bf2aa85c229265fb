/** Vector instructions that an operator is made of. */
import type { MicrocodedOpcode } from '../vector/program.ts';
import { vectorStep, type VectorStep } from './vectorSteps.ts';

/** An instruction on so many rows, again and again. */
export interface RepeatedStep {
  readonly step: VectorStep;
  readonly rows: number;
  readonly times: number;
}

export function repeated(
  op: MicrocodedOpcode,
  columns: number,
  rows: number,
  times = 1,
  more: Readonly<Record<string, number>> = {},
): RepeatedStep {
  return { step: vectorStep(op, columns, 0, more), rows, times };
}
