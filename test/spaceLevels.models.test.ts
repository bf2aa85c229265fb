/**
 * The levels on points of fronts, as celadon explore finds them: L1 within 0.2 % of L2 with the rows that
 * experts had there, L0 within 5 % of L1 (6 % for batches, and for prompts of the demo models) with those that both assume. (With rows of
 * neighbours, in a program ordered for rows in equal distances, L0 missed by up to 17 %.)
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { qwen3Layer, v4Layer } from '../bench/layers.ts';
import { CapacityError, Random, type JsonRecord } from '../src/base/index.ts';
import { loadExportRules, type Chip } from '../src/chip/index.ts';
import { ChipGrid } from '../src/explore/chipStudy/chipGrid.ts';
import { parseObjectives } from '../src/explore/chipStudy/inputs.ts';
import { exhaustiveSearch } from '../src/explore/search/exhaustive.ts';
import { runSearch } from '../src/explore/search/problem.ts';
import type { Axes } from '../src/explore/space/axes.ts';
import type { Design } from '../src/explore/space/design.ts';
import { Limits } from '../src/explore/space/limits.ts';
import { loadChipEstimates, loadSpaceFile } from '../src/explore/space/load.node.ts';
import { outcomeOf } from '../src/explore/study/index.ts';
import { layerGraphs } from '../src/explore/verify/layers.ts';
import type { Graph } from '../src/ir/index.ts';
import { loadModel, readCatalogueModel } from '../src/model/index.ts';
import {
  ClosedForm,
  kernelShapes,
  runTileEvents,
  tileProgram,
} from '../src/target/jade/levels/index.ts';
import {
  compileLayer,
  CONTEXT_TOKENS,
  rowsOfExperts,
  runLayer,
  simulatorOf,
  type Compiled,
} from '../src/target/jade/levels/layerRuns.ts';

const SEED = 11;
const POINTS = 20;
const LAYERS = [
  qwen3Layer(),
  v4Layer({
    ...{ hidden: 512, queryRank: 256, heads: 8, headWidth: 128, outputGroups: 4 },
    ...{ outputRank: 128, experts: 16, expertsPerToken: 6, expertWidth: 256 },
  }),
];

/** Layers of a demo model, one of each kind. */
function demoLayers(name: string): Graph[] {
  const { config } = loadModel(path.join(import.meta.dirname, '../models', name));
  return layerGraphs(name, config).map(({ graph }) => graph);
}

/**
 * Steps: sequences, tokens of each, and the share by which L0 may miss. Heads of a batch have two paces in two
 * banks, and which of them they fall into can hang on a single load.
 */
const STEPS = [
  { sequences: 1, tokens: 1, error: 0.05 },
  { sequences: 8, tokens: 1, error: 0.06 },
  { sequences: 1, tokens: 32, error: 0.05 },
];

/** Of the demo models, whose kernels are so short that rounds of a loop are few. */
const DEMO_STEPS = [
  { sequences: 1, tokens: 1, error: 0.05 },
  { sequences: 1, tokens: 32, error: 0.06 },
];

interface Searched {
  readonly space: string;
  /** Without what makes no difference to the program of a core. */
  readonly axes: Partial<Axes>;
  readonly model: JsonRecord;
  /** Sequences at once. */
  readonly concurrency: number;
  readonly objectives: string;
  /** Demo models whose layers are compared too. */
  readonly demos: readonly string[];
}

const SEARCHED: readonly Searched[] = [
  {
    space: 'edge',
    axes: { cores: [1], clockShare: [1], expert: [1], node: ['asap7'], memory: ['LPDDR5X'] },
    model: readCatalogueModel('qwen3-0.6b').raw,
    concurrency: 8,
    objectives: 'tokensPerSecond,tokensPerSecondPerMm2,tokensPerSecondPerWatt',
    demos: [],
  },
  {
    space: 'demonstrator',
    axes: {},
    model: readJson('models/qwen3-tiny/config.json'),
    concurrency: 1,
    objectives: 'tokensPerSecond,tokensPerSecondPerMm2',
    demos: ['qwen3-tiny', 'deepseek-v3-tiny'],
  },
];

function readJson(file: string): JsonRecord {
  return JSON.parse(fs.readFileSync(path.join(import.meta.dirname, '..', file), 'utf8'));
}

/** Chips of the front of a whole space, up to POINTS of them at random, each with one core. */
async function pointsOfFront({
  space: name,
  axes,
  model,
  concurrency,
  objectives,
}: Searched): Promise<Chip[]> {
  const file = loadSpaceFile(name);
  const space = { ...file, axes: { ...file.axes, ...axes } };
  const wanted = parseObjectives(objectives);
  const estimates = await loadChipEstimates();
  const inputs = {
    models: [{ name: 'model', raw: model, weight: 1 }],
    workload: { inputTokens: 64, outputTokens: 64, concurrency },
    limits: {},
    space,
    search: { name: 'exhaustive', seed: SEED, evaluations: 0 },
  } as const;
  const limits = new Limits({}, estimates, loadExportRules());
  const grid = new ChipGrid(inputs, wanted, limits, estimates);
  const search = exhaustiveSearch(grid);
  const { front } = runSearch(search, (point) => outcomeOf(wanted, grid.evaluate(point)));
  const random = new Random(SEED);
  const left = front.map(({ point }) => (grid.space.designAt(point) as Design).decode.chip);
  const chosen: Chip[] = [];
  while (chosen.length < POINTS && left.length > 0)
    chosen.push(...left.splice(Math.floor(random.float() * left.length), 1));
  return chosen.map((chip) => ({ ...chip, cores: 1 }));
}

/** Compares the levels; the simulator runs single sequences. */
function compare({ chip, graph, dims, program }: Compiled, error: number): void {
  const cycles = (...rows: ReturnType<typeof rowsOfExperts>[]): number =>
    runTileEvents(tileProgram(chip, program.instructions, ...rows)).cycles;
  const where = `${graph.name}, ${dims.B} × ${dims.T} tokens`;
  const l0 = new ClosedForm(kernelShapes(graph, dims)).cycles(chip) / cycles() - 1;
  assert.ok(Math.abs(l0) <= error, `${where}, L0 and L1: ${l0}`);
  if (dims.B > 1) return;
  const compiled = { chip, graph, dims, program };
  const run = runLayer(compiled, simulatorOf(compiled), true);
  const l1 = cycles(rowsOfExperts(program, run)) / run.cycles - 1;
  assert.ok(Math.abs(l1) <= 0.002, `${where}, L1 and L2: ${l1}`);
}

for (const searched of SEARCHED) {
  const chips = await pointsOfFront(searched);
  const programs = [
    ...LAYERS.flatMap((graph) => STEPS.map((step) => ({ graph, ...step }))),
    ...searched.demos
      .flatMap(demoLayers)
      .flatMap((graph) => DEMO_STEPS.map((step) => ({ graph, ...step }))),
  ];
  let compared = 0;
  for (const chip of chips) {
    test(`${searched.space}, ${chip.name}: levels agree on layers`, (context) => {
      for (const { graph, sequences, tokens, error } of programs) {
        let compiled;
        try {
          compiled = compileLayer(chip, graph, tokens, CONTEXT_TOKENS, sequences);
        } catch (reason) {
          // Some chips have no room for the experts' tiles, or for so many tokens.
          if (!(reason instanceof CapacityError)) throw reason;
          context.diagnostic(`${graph.name}: ${reason.message}`);
          continue;
        }
        compare(compiled, error);
        compared++;
      }
    });
  }
  test(`${searched.space}: most steps fit on the points of its front`, () =>
    assert.ok(compared > (chips.length * programs.length) / 2, `${compared}`));
}
