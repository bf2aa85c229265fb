// The levels on chips that nobody designed: L0 near L1, L1 within 0.2 % of L2.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileLayer, runLayer, simulatorOf, type Compiled } from '../bench/layerRuns.ts';
import { qwen3Layer, v4Layer } from '../bench/layers.ts';
import { Random } from '../src/base/index.ts';
import { loadChip, type Chip } from '../src/chip/index.ts';
import {
  ClosedForm,
  kernelShapes,
  runTileEvents,
  tileProgram,
} from '../src/target/jade/levels/index.ts';

const SERVER = loadChip('jade-server');
const SEED = 5;
const CHIPS = 6;
/** Of one step of a layer, and of the mean of all. */
const [STEP_ERROR, MEAN_ERROR] = [0.055, 0.025];
const errors: number[] = [];
const QWEN3 = qwen3Layer();
const V4 = v4Layer({
  ...{ hidden: 2048, queryRank: 512, heads: 16, headWidth: 256, outputGroups: 4 },
  ...{ outputRank: 512, experts: 16, expertsPerToken: 6, expertWidth: 1024 },
});

/** A chip of the template: accumulators of four banks or more, a scratchpad that holds four of the largest tiles. */
function randomChip(random: Random): Chip {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.float() * values.length)]!;
  const columns = pick([32, 64, 128, 256]);
  const bytesPerCycle = pick([32, 64, 128, 256, 512, 1024]);
  const port = 2 ** Math.ceil(Math.log2(33 * (columns / 32)));
  const formats = pick([
    { activationFormat: 'mxint8', weightFormat: 'mxint8', pipelineCycles: 20 },
    { activationFormat: 'mxfp8', weightFormat: 'mxfp8', pipelineCycles: 22 },
    { activationFormat: 'mxfp8', weightFormat: 'mxfp4', pipelineCycles: 22 },
  ] as const);
  const rows = pick([1024, 2048, 4096]);
  const scratchpadMiB = pick([4, 8, 16]);
  return {
    ...SERVER,
    matrix: {
      ...{ lanes: 32, columns, ...formats, accumulateCycles: 8 },
      weightPortBytesPerCycle: Math.min(4096, Math.max(port, 2 * bytesPerCycle)),
    },
    vector: { lanes: pick([64, 128, 256, 512]), operationCycles: pick([4, 6]) },
    scratchpad: { sizeBytes: scratchpadMiB * 2 ** 20, banks: 32 },
    accumulator: { sizeBytes: 4 * columns * rows, banks: Math.min(8, rows / 256) },
    dma: { outstandingLoads: pick([8, 16, 32, 64]), burstBytes: pick([32, 64]) },
    memory: { ...SERVER.memory, bytesPerCycle, latencyCycles: pick([48, 120, 240]) },
  };
}

/** Cycles by tile events, and how far the closed form is off. */
function levelsOf({ chip, graph, dims, program }: Compiled): readonly [cycles: number, error: number] {
  const { cycles } = runTileEvents(tileProgram(chip, program.instructions));
  const form = new ClosedForm(kernelShapes(graph, dims)).cycles(chip);
  return [cycles, form / cycles - 1];
}

const random = new Random(SEED);
for (let i = 0; i < CHIPS; i++) {
  const chip = randomChip(random);
  const { matrix, vector, memory } = chip;
  const name = `${matrix.columns} columns of ${matrix.weightFormat}, ${vector.lanes} lanes, ${memory.bytesPerCycle} bytes`;
  test(`chip ${i + 1}, ${name}: levels agree on layers`, () => {
    const steps = [
      [QWEN3, 1],
      [QWEN3, 8],
      [V4, 1],
    ] as const;
    for (const [graph, tokens] of steps) {
      const [, error] = levelsOf(compileLayer(chip, graph, tokens));
      assert.ok(Math.abs(error) <= STEP_ERROR, `${graph.name}, ${tokens} tokens: ${error}`);
      errors.push(Math.abs(error));
    }
    const compiled = compileLayer(chip, QWEN3, 1);
    const { cycles } = runLayer(compiled, simulatorOf(compiled));
    assert.ok(Math.abs(levelsOf(compiled)[0] / cycles - 1) <= 0.002, 'L1 and L2');
  });
}

test('the closed form is nearer on average', () => {
  assert.equal(errors.length, 3 * CHIPS);
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  assert.ok(mean <= MEAN_ERROR, `${mean}`);
});
