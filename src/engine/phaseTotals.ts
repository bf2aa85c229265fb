/** Time and cycles of a phase: of reading the prompt, of generating, of an evaluation. */
import type { Step } from './modelRunner.ts';

export interface PhaseTotals {
  /** Tokens fed to the model. */
  readonly tokens: number;
  readonly steps: number;
  readonly compileSeconds: number;
  readonly runSeconds: number;
  /** Simulated cycles; null where the target has no cycle model. */
  readonly cycles: number | null;
}

/** The totals of no step. */
export const NO_TOTALS: PhaseTotals = {
  tokens: 0,
  steps: 0,
  compileSeconds: 0,
  runSeconds: 0,
  cycles: null,
};

/** Adds one step to the totals of its phase. */
export function addStep(totals: PhaseTotals, step: Step): PhaseTotals {
  return {
    tokens: totals.tokens + step.count,
    steps: totals.steps + 1,
    compileSeconds: totals.compileSeconds + step.compileSeconds,
    runSeconds: totals.runSeconds + step.runSeconds,
    cycles: step.cycles === null ? totals.cycles : (totals.cycles ?? 0) + step.cycles,
  };
}
