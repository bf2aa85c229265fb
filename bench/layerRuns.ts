/** A layer of layers.ts as a program, and its run on the simulator (L2). */
import { type Chip } from '../src/chip/index.ts';
import { compileLowered, lowerGraph } from '../src/compile/index.ts';
import { type Dims, type Graph } from '../src/ir/index.ts';
import { writeImage } from '../src/target/jade/image.ts';
import { jadeTarget, type JadeProgram } from '../src/target/jade/index.ts';
import { createSimulator, type RunStats, type Simulator } from '../src/target/jade/sim/index.ts';

/** Tokens of context after the step. */
export const CONTEXT_TOKENS = 256;

export interface Compiled {
  readonly chip: Chip;
  /** As lowered for the chip. */
  readonly graph: Graph;
  readonly dims: Dims;
  readonly program: JadeProgram;
}

/** Compiles `graph` for the last `tokens` of the context; undefined for as many as the chip holds. */
export function compileLayer(chip: Chip, graph: Graph, tokens?: number): Compiled {
  const target = jadeTarget(chip, { contextTokens: CONTEXT_TOKENS });
  const lowered = lowerGraph(graph, target);
  const T = tokens ?? target.maxTokens(lowered);
  const dims = { B: 1, T, S: CONTEXT_TOKENS };
  return { chip, graph: lowered, dims, program: compileLowered(lowered, target, dims) };
}

/** A simulator with what decides times in its memory: embeddings, constants, routers. Other weights are 0. */
export function simulatorOf({ chip, graph, dims, program }: Compiled): Simulator {
  const { layout } = program;
  const simulator = createSimulator(chip, layout.sizeBytes);
  const routers = new Map([...layout.weights].filter(([, { name }]) => name.includes('router')));
  writeImage(simulator.memory, { ...layout, weights: routers }, graph);
  const tokens = Int32Array.from({ length: dims.T }, (_, i) => i);
  simulator.memory.set(new Uint8Array(tokens.buffer), layout.regions.get('tokens')!.address);
  simulator.positions.fill(dims.S - dims.T);
  return simulator;
}

export function runLayer(
  { dims, program }: Compiled,
  simulator: Simulator,
  collectEvents = false,
): RunStats {
  return simulator.run(program.instructions, { maxPosition: dims.S - dims.T, collectEvents });
}

/** How many rows each expert had in a run with events. */
export function rowsOfExperts(
  { instructions }: JadeProgram,
  { events }: RunStats,
): (expert: number) => number {
  const dispatch = instructions.find(({ op }) => op === 'dispatch');
  const rows = new Map(
    events!.map(({ index, rows }) => [instructions[index]!.fields['rowCount'], rows]),
  );
  return (expert) => rows.get(dispatch!.fields['d']! + expert * 4) ?? 0;
}
