/** What the Jade benchmarks share: a model on a simulated chip, stepped and timed. */
import { fileURLToPath } from 'node:url';
import type { Chip } from '../src/chip/index.ts';
import { compileLowered, lowerGraph } from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { loadModel, type Model } from '../src/model/index.ts';
import { percent } from './table.ts';
import {
  jadeTarget,
  limitOf,
  type JadeDevice,
  type JadeProgram,
  type JadeTarget,
  type RunStats,
} from '../src/target/jade/index.ts';

export const MODELS = ['qwen3-tiny', 'deepseek-v3-tiny'] as const;

export function openModel(name: string): Model {
  return loadModel(fileURLToPath(new URL(`../models/${name}`, import.meta.url)));
}

export interface Timed {
  readonly cycles: number;
  readonly macs: number;
  readonly bytesMoved: number;
  readonly memoryBusyCycles: number;
  readonly busyCycles: readonly number[];
  readonly seconds: number;
  readonly stats: RunStats;
}

export class JadeBench {
  readonly chip: Chip;
  private readonly target: JadeTarget;
  private readonly graph: Graph;
  private readonly device: JadeDevice;
  private readonly programs = new Map<string, JadeProgram>();

  constructor(chip: Chip, graph: Graph, contextTokens: number) {
    this.chip = chip;
    this.target = jadeTarget(chip, { contextTokens });
    this.graph = lowerGraph(graph, this.target);
    this.device = this.target.open({});
  }

  get maxTokens(): number {
    return this.target.maxTokens(this.graph);
  }

  /** The program of a step of so many tokens at `position`. */
  program(tokens: number, position: number): JadeProgram {
    const dims = this.target.bucket({ B: 1, T: tokens, S: position + tokens });
    const key = `${dims.T} ${dims.S}`;
    const program = this.programs.get(key) ?? compileLowered(this.graph, this.target, dims);
    this.programs.set(key, program);
    return program;
  }

  /** One step of `tokens` at `position`; seconds are those of the simulator alone. */
  step(tokens: Int32Array, position: number): Timed {
    const program = this.program(tokens.length, position);
    const start = performance.now();
    this.device.run(program, { tokens, positions: Int32Array.of(position) });
    const seconds = (performance.now() - start) / 1000;
    const stats = this.device.lastRun!;
    const { cycles, macs, memoryBusyCycles, busyCycles } = stats;
    return {
      cycles,
      macs,
      memoryBusyCycles,
      busyCycles,
      bytesMoved: stats.bytesLoaded + stats.bytesStored,
      seconds,
      stats,
    };
  }
}

export function sumOf(
  steps: readonly Timed[],
  field: Exclude<keyof Timed, 'busyCycles' | 'stats'>,
): number {
  return steps.reduce((sum, step) => sum + step[field], 0);
}

/** `memory 96.2 %`: the busiest resource, and how much of the time it worked. */
export function limitedBy(steps: readonly Timed[]): string {
  const { resource, busyShare } = limitOf(steps);
  return `${resource} ${percent(busyShare)}`;
}
