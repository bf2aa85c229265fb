/** How fast a space of chips is explored: 10⁵ of them, each reading prompts and writing, with area and power. */
import os from 'node:os';
import { defineChipStudy, exploreChips } from '../src/explore/index.ts';
import { readCatalogueModel } from '../src/model/index.ts';
import { spaceFileFor } from './exploreSpace.ts';
import { type Table } from './table.ts';

const MODELS = ['deepseek-v4-flash', 'qwen3-32b'];
const CHIPS = Number(process.env["CHIPS"] ?? 100_000);

/** Published by others for their own tools, not run here. */
const PEERS: readonly (readonly string[])[] = [
  ['AIConfigurator', 'one search, Qwen3-32B on 32 H200, its README of 2026-02-08', '', '6.5 s'],
  ['Vidur-Search', 'one search, Llama-2-70B, paper', '', '1 h'],
  ['Stream (MILP)', 'two convolutions on four cores, its README', '', '11 s'],
  ['DOSA', 'one workload, figure 7 of the paper', '', 'several hours'],
];

export async function benchExplore(): Promise<Table> {
  const rows: (readonly string[])[] = [];
  for (const model of MODELS) {
    const file = spaceFileFor(model);
    const definition = await defineChipStudy({
      models: [{ name: model, raw: readCatalogueModel(model).raw, weight: 1 }],
      workload: { inputTokens: 4096, outputTokens: 1024, concurrency: 64 },
      ...{ limits: undefined, space: file, objectives: undefined },
      search: { name: 'random', seed: 1, evaluations: CHIPS },
      celadon: { version: 'bench', commit: null },
    });
    const threads = os.availableParallelism();
    const { seconds, result } = await exploreChips(definition, { threads });
    const rate = Math.round(result.evaluations / seconds);
    const what = `${model}: ${result.evaluations} chips, prompts and tokens, ${threads} threads`;
    rows.push(['Celadon', what, `${rate}`, `${seconds.toFixed(1)} s`]);
  }
  return {
    title: 'Exploring chips',
    notes: [
      'Random points of one space, every one evaluated: a chunk of a prompt and a step that writes, by the closed form over all kernels',
      'of the model, with links, fit, area, power and price; from the start of the command, with everything stored. What others publish',
      'for their searches stands below: other machines, other questions.',
    ],
    columns: ['tool', 'what', 'chips a second', 'time'],
    rows: [...rows, ...PEERS],
  };
}
