/** A graph, such as one layer of a model, as a program, and its run on the simulator (L2). */
import type { Chip } from '../../../chip/index.ts';
import { compileLowered, lowerGraph } from '../../../compile/index.ts';
import { topologicalOrder, type Dims, type Graph } from '../../../ir/index.ts';
import type { JadeProgram } from '../emit/program.ts';
import { writeImage } from '../image.ts';
import { weightKey } from '../layout.ts';
import { createSimulator, type RunStats, type Simulator } from '../sim/index.ts';
import { jadeTarget } from '../target.ts';
import type { KernelShape } from './kernelShapes.ts';

/** Tokens of context after the step, unless told otherwise. */
export const CONTEXT_TOKENS = 256;

export interface Compiled {
  readonly chip: Chip;
  /** As lowered for the chip. */
  readonly graph: Graph;
  readonly dims: Dims;
  readonly program: JadeProgram;
}

/** Compiles `graph` for the last `tokens` of each context; undefined for as many as the chip holds. */
export function compileLayer(
  chip: Chip,
  graph: Graph,
  tokens?: number,
  contextTokens = CONTEXT_TOKENS,
  sequences = 1,
): Compiled {
  const target = jadeTarget(chip, { contextTokens, batch: sequences });
  const lowered = lowerGraph(graph, target);
  const T = tokens ?? target.maxTokens(lowered);
  const dims = { B: sequences, T, S: contextTokens };
  return { chip, graph: lowered, dims, program: compileLowered(lowered, target, dims) };
}

/** A simulator with what decides times in its memory: embeddings, constants, routers. Other weights are 0. */
export function simulatorOf({ chip, graph, dims, program }: Compiled): Simulator {
  const { layout } = program;
  const simulator = createSimulator(chip, layout.sizeBytes);
  const keys = routerKeys(graph);
  const routers = new Map([...layout.weights].filter(([key]) => keys.has(key)));
  writeImage(simulator.memory, { ...layout, weights: routers }, graph);
  const tokens = Int32Array.from({ length: dims.B * dims.T }, (_, i) => i);
  simulator.memory.set(new Uint8Array(tokens.buffer), layout.regions.get('tokens')!.address);
  simulator.positions.fill(dims.S - dims.T);
  return simulator;
}

/** Of weights whose products choose experts. */
function routerKeys(graph: Graph): Set<string> {
  const routes = [...topologicalOrder(graph)].filter(({ op }) => op === 'route');
  return new Set(routes.map(({ inputs: [logits] }) => weightKey(logits!.inputs[1]!)));
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

/** Experts with the rows that they have. */
export function withRows(shape: KernelShape, rowsOf: (expert: number) => number): KernelShape {
  if (shape.kind !== 'experts') return shape;
  const all = Array.from({ length: shape.experts }, (_, expert) => rowsOf(expert));
  const alike = Map.groupBy(
    all.filter((rows) => rows > 0),
    (rows) => rows,
  );
  const loads = [...alike].map(([rows, own]) => ({ experts: own.length, rows }));
  return { ...shape, loads };
}
