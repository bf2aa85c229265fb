/** What the rule says fits on a chip, the compiler places there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, type Chip } from '../../chip/index.ts';
import { planMemory } from '../../compile/index.ts';
import type { Dims } from '../../ir/index.ts';
import { readCatalogueModel, type ModelConfig } from '../../model/index.ts';
import { jadeTarget } from '../../target/jade/index.ts';
import { RowsOnChip } from './onChip.ts';
import { Rank } from './rank.ts';
import { shardModel } from './shard.ts';

const SERVER = loadChip('jade-server');
const FP8 = { activationFormat: 'mxfp8', weightFormat: 'mxfp8' } as const;
const S = 1024;

function chip(scratchpadMiB: number, accumulatorKiB: number, columns: number, lanes: number): Chip {
  return {
    ...SERVER,
    matrix: { ...SERVER.matrix, columns, weightPortBytesPerCycle: 1024 },
    vector: { ...SERVER.vector, lanes },
    scratchpad: { sizeBytes: scratchpadMiB * 2 ** 20, banks: Math.min(32, 16 * scratchpadMiB) },
    accumulator: { sizeBytes: accumulatorKiB * 1024, banks: 8 },
  };
}

const CHIPS = [
  chip(1, 256, 64, 64),
  chip(4, 1024, 128, 128),
  chip(16, 512, 32, 256),
  chip(8, 4096, 256, 64),
];

/** Models with all kinds of layers once, on so many ranks. */
const MODELS = [
  ['qwen3-0.6b', 1, 1],
  ['qwen3-30b-a3b', 1, 4],
  ['qwen3.5-0.8b', 4, 1],
  ['deepseek-v4-flash', 4, 8],
] as const;

const STEPS = {
  write: (rows: number): Dims => ({ B: rows, T: 1, S }),
  read: (rows: number): Dims => ({ B: 1, T: rows, S }),
} as const;

/** Whether the compiler finds room for a step. */
function fits({ graph, kernels }: Rank, on: Chip, dims: Dims): boolean {
  const target = jadeTarget(on, { contextTokens: dims.S, batch: dims.B });
  try {
    const { buffers, regions } = target.schedule(kernels, graph, dims);
    planMemory(buffers, regions);
    return true;
  } catch {
    return false;
  }
}

for (const [name, layers, ranks] of MODELS) {
  test(`${name}: as many rows as the rule says fit on a chip`, () => {
    const { model } = readCatalogueModel(name);
    const short = { ...model, config: { ...model.config, num_hidden_layers: layers } };
    const rank = new Rank(shardModel(short as ModelConfig, ranks), FP8);
    for (const [step, dimsOf] of Object.entries(STEPS)) {
      const rule = new RowsOnChip(rank, dimsOf);
      let some = 0;
      for (const on of CHIPS) {
        const rows = rule.most(on);
        if (rows > 0)
          assert.ok(fits(rank, on, dimsOf(rows)), `${step} ${rows} on ${on.scratchpad.sizeBytes}`);
        some += Math.min(1, rows);
      }
      assert.ok(some >= 2, `${step}: on ${some} chips of 4`);
    }
  });
}
