/** One layer program at all three levels of the machine. */
import { type Chip } from '../../../chip/index.ts';
import { type Graph } from '../../../ir/index.ts';
import { ClosedForm } from './closedForm.ts';
import { kernelShapes } from './kernelShapes.ts';
import { compileLayer, rowsOfExperts, runLayer, simulatorOf, withRows } from './layerRuns.ts';
import { runTileEvents, tileProgram } from './tileEvents.ts';

export interface LevelCycles {
  readonly tokens: number;
  readonly instructions: number;
  /** Closed form, tile events, simulator; all with the rows of experts that the simulator had. */
  readonly l0Cycles: number;
  readonly l1Cycles: number;
  readonly l2Cycles: number;
}

export interface LevelStep {
  /** The last of the context; undefined for as many as the chip holds. */
  readonly tokens: number | undefined;
  readonly contextTokens?: number;
}

/**
 * Compiles `graph` for `chip` and runs it at each level. Throws CapacityError where the chip has no room
 * for it, UnsupportedError where the target has no lowering or the closed form no formula.
 */
export function compareLevels(chip: Chip, graph: Graph, step: LevelStep): LevelCycles {
  const compiled = compileLayer(chip, graph, step.tokens, step.contextTokens);
  const { dims, program } = compiled;
  const run = runLayer(compiled, simulatorOf(compiled), true);
  const rows = rowsOfExperts(program, run);
  const shapes = kernelShapes(compiled.graph, dims).map((shape) => withRows(shape, rows));
  return {
    tokens: dims.T,
    instructions: program.instructions.length,
    l0Cycles: new ClosedForm(shapes).cycles(chip),
    l1Cycles: runTileEvents(tileProgram(chip, program.instructions, rows)).cycles,
    l2Cycles: run.cycles,
  };
}
