import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../../chip/index.ts';
import { lowerGraph } from '../../../compile/index.ts';
import { buildGraph, NO_WEIGHTS, readCatalogueModel } from '../../../model/index.ts';
import { vectorCycles } from '../sim/vectorTiming.ts';
import { LOAD_COMMAND_CYCLES } from '../sim/transferTiming.ts';
import { regionsOf } from '../schedule/regions.ts';
import { jadeTarget } from '../target.ts';
import { ClosedForm, gemmCycles } from './closedForm.ts';
import { KernelCost } from './kernelCosts.ts';
import { kernelShapes } from './kernelShapes.ts';
import { Machine } from './machine.ts';
import { largestBuffers, mostValues } from './ringBuffers.ts';
import { vectorStep } from './vectorSteps.ts';

const EDGE = loadChip('jade-edge');
const NO_VALUES = { operands: 0, tensors: 0 };

test('one tile takes latency, transfer, product, pipeline and the copy of its results', () => {
  // 128 × 512 int8 in blocks of 33 bytes: 67,584 bytes, 64 a cycle. Two passes of 64 columns along each
  // of 16 blocks; weights of a pass take 22 cycles, 3 blocks fit in a port of 128 bytes, and one more to
  // be handed over; the last pass leaves time for those of a next tile, and its start.
  const copy = vectorCycles('copy', { columns: 128, inner: 1, dFormat: 0, group: 0 }, EDGE, 1);
  const { latencyCycles } = EDGE.memory;
  assert.equal(
    gemmCycles(EDGE, { M: 1, N: 128, K: 512, format: 'mxint8' }),
    latencyCycles + 67_584 / 64 + 31 * 23 + 24 + EDGE.matrix.pipelineCycles + copy,
  );
});

test('a large product is limited by memory with one row and by the array with many', () => {
  const cycles = (M: number): number => gemmCycles(EDGE, { M, N: 4096, K: 1024, format: 'mxint8' });
  const transfers = (4096 * 1024 * 33) / 32 / 64;
  assert.ok(cycles(1) > transfers && cycles(1) < transfers * 1.03);
  const passes = (4096 / 64) * (1024 / 32) * 128;
  assert.ok(cycles(128) > passes && cycles(128) < passes * 1.03);
});

test('the kernels of a model become shapes, from its configuration alone', () => {
  const { model } = readCatalogueModel('deepseek-v3');
  assert.ok(model.family === 'deepseek_v3');
  const config = { ...model.config, num_hidden_layers: 5 };
  const options = { logits: 'last', latentAttention: 'absorbed' } as const;
  const graph = buildGraph({ family: 'deepseek_v3', config }, NO_WEIGHTS, options);
  const server = loadChip('jade-server');
  const lowered = lowerGraph(graph, jadeTarget(server, { contextTokens: 128 }));
  const shapes = kernelShapes(lowered, { B: 1, T: 1, S: 128 });
  const count = (kind: string): number => shapes.filter((shape) => shape.kind === kind).length;
  assert.deepEqual(['embedding', 'attention', 'experts'].map(count), [1, 5, 2]);
  assert.ok(shapes.every(({ after }, place) => after.every((source) => source < place)));
  const cost = new KernelCost();
  const machine = new Machine(server, largestBuffers(shapes, server), mostValues(shapes));
  let transfers = 0;
  for (const shape of shapes) {
    cost.set(machine, shape);
    transfers += cost.memory;
  }
  assert.ok(new ClosedForm(shapes).cycles(server) > transfers);
});

test('regions are those of the schedule, for tiles that are large for the scratchpad too', () => {
  for (const name of ['jade-nano', 'jade-edge', 'jade-server']) {
    const chip = loadChip(name);
    for (const share of [0, 1 / 10, 1 / 3]) {
      const bytes = Math.round(chip.scratchpad.sizeBytes * share);
      const { rings } = new Machine(chip, { stream: bytes, context: 0 }, NO_VALUES);
      const buffer = { name: 'weights', region: 'stream', sizeBytes: bytes, first: 0, last: 1 };
      const [stream, context] = regionsOf(chip, [buffer]);
      assert.deepEqual(rings, { stream: stream!.sizeBytes, context: context!.sizeBytes });
    }
  }
});

test('where the ring holds one tile, each load waits for the product of the tile before', () => {
  // Of 8 parts of 32 KiB values take four and context one: 96 KiB are left for tiles of 67,584 bytes.
  const chip = { ...EDGE, scratchpad: { sizeBytes: 2 ** 18, banks: 8 } };
  const cycles = (N: number): number => gemmCycles(chip, { M: 1, N, K: 512, format: 'mxint8' });
  const tile = 67_584 / 64 + 31 * 23 + 24 + EDGE.matrix.pipelineCycles;
  assert.equal(cycles(512) - cycles(384), tile + LOAD_COMMAND_CYCLES + EDGE.memory.latencyCycles);
});

test('kernels that are alike take as long as when each is its own, on one chip after another', () => {
  const shape = {
    kind: 'linear',
    rows: 1,
    outputs: 1024,
    inputs: 512,
    planes: 1,
    weights: 1,
  } as const;
  const more = { blockBytes: 33, chunkUnit: 32, steps: [vectorStep('copy', 1024, 0)] };
  const kernels = Array.from({ length: 4 }, (_, i) => ({
    ...shape,
    ...more,
    outputs: 1024 + 32 * (i % 2),
    after: i === 0 ? [] : [i - 1],
  }));
  const form = new ClosedForm(kernels);
  const server = loadChip('jade-server');
  const first = form.cycles(EDGE);
  assert.notEqual(form.cycles(server), first);
  assert.equal(form.cycles(EDGE), first);
  const named = kernels.map((kernel, name) => ({ ...kernel, name }));
  assert.equal(new ClosedForm(named).cycles(EDGE), first);
});
