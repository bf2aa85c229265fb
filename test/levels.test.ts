// The levels of one machine: closed form (L0) and tile events (L1) beside the simulator (L2).
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { gemmGraph } from '../bench/gemm.ts';
import {
  compileLayer,
  rowsOfExperts,
  runLayer,
  simulatorOf,
  type Compiled,
} from '../src/target/jade/levels/layerRuns.ts';
import { qwen3Layer, v4Layer, V4_FLASH } from '../bench/layers.ts';
import { loadChip } from '../src/chip/index.ts';
import { loadModel } from '../src/model/index.ts';
import {
  ClosedForm,
  kernelShapes,
  runTileEvents,
  tileProgram,
} from '../src/target/jade/levels/index.ts';

/** Share by which the closed form may miss the simulator: whole layers, and single GEMMs. */
const LAYER_ERROR = 0.05;
const GEMM_ERROR = 0.05;

function errorOfClosedForm(compiled: Compiled): number {
  const { cycles } = runLayer(compiled, simulatorOf(compiled));
  const { chip, graph, dims } = compiled;
  return new ClosedForm(kernelShapes(graph, dims)).cycles(chip) / cycles - 1;
}

const QWEN3 = qwen3Layer();
const V4 = v4Layer({ ...V4_FLASH, experts: 6 });
/** The structure of a V4 layer in small. */
const SMALL_V4_SHAPE = {
  hidden: 512,
  queryRank: 256,
  heads: 8,
  headWidth: 128,
  outputGroups: 4,
  outputRank: 128,
  experts: 16,
  expertsPerToken: 6,
  expertWidth: 256,
};
const SMALL_V4 = v4Layer(SMALL_V4_SHAPE);

test('the closed form of whole layers is within 5 % of the simulator', () => {
  const steps = [
    ['jade-edge', QWEN3, 1],
    ['jade-server', QWEN3, 1],
    ['jade-server', QWEN3, 32],
    ['jade-server', V4, 1],
  ] as const;
  for (const [chip, graph, tokens] of steps) {
    const error = errorOfClosedForm(compileLayer(loadChip(chip), graph, tokens));
    assert.ok(Math.abs(error) <= LAYER_ERROR, `${chip}, ${graph.name}, ${tokens}: ${error}`);
  }
});

test('the closed form counts what experts without rows cost', () => {
  const [few, many] = [112, 208].map((experts) => {
    const compiled = compileLayer(
      loadChip('jade-server'),
      v4Layer({ ...SMALL_V4_SHAPE, experts }),
      1,
    );
    const { chip, graph, dims } = compiled;
    const { cycles } = runLayer(compiled, simulatorOf(compiled));
    return [cycles, new ClosedForm(kernelShapes(graph, dims)).cycles(chip)];
  }) as [[number, number], [number, number]];
  const [real, formula] = [0, 1].map((level) => many[level]! - few[level]!);
  assert.ok(Math.abs(formula! / real! - 1) <= LAYER_ERROR, `${formula} of ${real} cycles`);
});

test('the closed form of GEMMs with megabytes of weights is within 5 % of the simulator', () => {
  const shapes = [
    [4096, 1024],
    [1024, 3072],
  ] as const;
  for (const [N, K] of shapes) {
    for (const M of [1, 8]) {
      const error = errorOfClosedForm(compileLayer(loadChip('jade-edge'), gemmGraph(N, K), M));
      assert.ok(Math.abs(error) <= GEMM_ERROR, `${M} × ${N} × ${K}: ${error}`);
    }
  }
});

const COMPRESSED = [
  'deepseek-v4-compressed',
  'deepseek-v4.1-shared',
  'deepseek-v4.1-wide',
] as const;

for (const name of COMPRESSED) {
  test(`${name}: a step of decoding in closed form and by tile events`, () => {
    const { graph } = loadModel(path.join(import.meta.dirname, 'golden', name));
    const compiled = compileLayer(loadChip('jade-edge'), graph({ logits: 'last' }), 1);
    const { chip, program } = compiled;
    const run = runLayer(compiled, simulatorOf(compiled), true);
    const form = new ClosedForm(kernelShapes(compiled.graph, compiled.dims)).cycles(chip);
    assert.ok(Math.abs(form / run.cycles - 1) <= LAYER_ERROR, `${form} of ${run.cycles} cycles`);
    const { cycles } = runTileEvents(tileProgram(chip, program.instructions));
    assert.ok(Math.abs(cycles / run.cycles - 1) <= 0.01, `${cycles} of ${run.cycles} cycles`);
  });
}

test('tile events take the cycles of the simulator where experts have the same rows', () => {
  const many = v4Layer({ ...SMALL_V4_SHAPE, experts: 96 });
  for (const [graph, tokens] of [
    [SMALL_V4, 4],
    [many, 1], // most are skipped
    [many, 3],
  ] as const) {
    const compiled = compileLayer(loadChip('jade-server'), graph, tokens);
    const run = runLayer(compiled, simulatorOf(compiled), true);
    const { chip, program } = compiled;
    const real = tileProgram(chip, program.instructions, rowsOfExperts(program, run));
    const { cycles, busyCycles, memoryBusyCycles } = run;
    assert.deepEqual(runTileEvents(real), { cycles, busyCycles, memoryBusyCycles });
  }
});

test('tile events of a dense layer take the cycles of the simulator', () => {
  for (const chip of ['jade-nano', 'jade-edge', 'jade-server']) {
    const compiled = compileLayer(loadChip(chip), gemmGraph(512, 1024), 1);
    const { cycles } = runLayer(compiled, simulatorOf(compiled));
    const { program } = compiled;
    assert.equal(runTileEvents(tileProgram(compiled.chip, program.instructions)).cycles, cycles);
  }
  const compiled = compileLayer(loadChip('jade-edge'), QWEN3, 1);
  const { cycles } = runLayer(compiled, simulatorOf(compiled));
  const program = tileProgram(compiled.chip, compiled.program.instructions);
  assert.equal(runTileEvents(program).cycles, cycles);
  assert.equal(runTileEvents(program).cycles, cycles); // again: a run leaves nothing behind
});
