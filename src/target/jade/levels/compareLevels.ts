/** One layer program at all three levels of the machine. */
import type { Chip } from '../../../chip/index.ts';
import type { Graph } from '../../../ir/index.ts';
import { ClosedForm } from './closedForm.ts';
import { kernelShapes } from './kernelShapes.ts';
import {
  compileLayer,
  rowsOfExperts,
  runLayer,
  simulatorOf,
  withRows,
  type Compiled,
} from './layerRuns.ts';
import { runTileEvents, tileProgram } from './tileEvents.ts';

/** Closed form and tile events; with the rows of experts that the simulator had. */
export interface FastCycles {
  readonly tokens: number;
  readonly instructions: number;
  readonly l0Cycles: number;
  readonly l1Cycles: number;
}

export interface LevelCycles extends FastCycles {
  /** Of the simulator. */
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
  const run = runLayer(compiled, simulatorOf(compiled), true);
  return {
    ...fastCycles(compiled, rowsOfExperts(compiled.program, run)),
    l2Cycles: run.cycles,
  };
}

/** As `compareLevels`, but the simulator runs only where experts are chosen: it says which. */
export function compareFastLevels(chip: Chip, graph: Graph, step: LevelStep): FastCycles {
  const compiled = compileLayer(chip, graph, step.tokens, step.contextTokens);
  const { program } = compiled;
  const hasExperts = program.instructions.some(({ op }) => op === 'dispatch');
  const rows = hasExperts
    ? rowsOfExperts(program, runLayer(compiled, simulatorOf(compiled), true))
    : () => 0;
  return fastCycles(compiled, rows);
}

function fastCycles(
  { chip, graph, dims, program }: Compiled,
  rows: (expert: number) => number,
): FastCycles {
  const shapes = kernelShapes(graph, dims).map((shape) => withRows(shape, rows));
  return {
    tokens: dims.T,
    instructions: program.instructions.length,
    l0Cycles: new ClosedForm(shapes).cycles(chip),
    l1Cycles: runTileEvents(tileProgram(chip, program.instructions, rows)).cycles,
  };
}
