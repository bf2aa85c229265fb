import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../chip/index.ts';
import { readCatalogueModel, type ModelConfig } from '../../model/index.ts';
import { kernelShapes, leastWork, planLayout } from '../../target/jade/index.ts';
import { Rank } from './rank.ts';
import { shardModel } from './shard.ts';

const FP8 = { activationFormat: 'mxfp8', weightFormat: 'mxfp8' } as const;

function short(name: string, layers: number): ModelConfig {
  const { model } = readCatalogueModel(name);
  return { ...model, config: { ...model.config, num_hidden_layers: layers } } as ModelConfig;
}

const DENSE = new Rank(short('qwen3-0.6b', 4), FP8);
const ROUTED = new Rank(short('qwen3-30b-a3b', 4), FP8);
const V4 = new Rank(short('deepseek-v4-flash', 6), FP8);
const DIMS = { B: 4, T: 1, S: 1024 };
const WHOLE = { pipeline: 1, expert: 1 };

test('one stage of one group has the shapes of the model', () => {
  const shapes = DENSE.stages(DIMS, WHOLE);
  assert.deepEqual(shapes, [kernelShapes(DENSE.graph, DIMS)]);
});

for (const [name, rank] of [
  ['dense', DENSE],
  ['experts', ROUTED],
  ['DeepSeek-V4', V4],
] as const) {
  test(`${name}: stages do the work of the whole, and hold its weights`, () => {
    const [whole] = rank.stages(DIMS, WHOLE) as [never];
    const stages = rank.stages(DIMS, { pipeline: 2, expert: 1 });
    const work = leastWork(stages.flat());
    assert.deepEqual(stages.flat().length, (whole as unknown[]).length);
    assert.ok(Math.abs(work.macs / leastWork(whole).macs - 1) < 1e-9);
    assert.ok(stages.every((stage) => stage.every(({ after }) => after.every((at) => at >= 0))));
    const memory = rank.memory(1024, WHOLE)[0]!;
    const parts = rank.memory(1024, { pipeline: 2, expert: 1 });
    const weights = parts.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
    const states = parts.reduce((sum, { stateBytes }) => sum + stateBytes, 0);
    assert.equal(states, memory.stateBytes);
    // Tables of positions and the host's mailbox are in every stage.
    assert.ok(weights >= memory.weightBytes && weights < memory.weightBytes * 1.05);
  });
}

test('what a core holds is what the compiler lays out', () => {
  const { sizeBytes } = planLayout(V4.graph, loadChip('jade-server'), 1024, 1);
  const { weightBytes, stateBytes } = V4.memory(1024, WHOLE)[0]!;
  assert.ok(Math.abs((weightBytes + stateBytes) / sizeBytes - 1) < 1e-4);
});

test('groups share the experts, their tokens and nothing else', () => {
  const [one] = ROUTED.stages(DIMS, WHOLE) as [never];
  const [eight] = ROUTED.stages(DIMS, { pipeline: 1, expert: 8 }) as [never];
  const experts = (shapes: ReturnType<typeof kernelShapes>) =>
    shapes.flatMap((shape) => (shape.kind === 'experts' ? [shape] : []));
  const others = (shapes: ReturnType<typeof kernelShapes>) =>
    shapes.filter(({ kind }) => kind !== 'experts');
  assert.deepEqual(others(eight), others(one));
  assert.equal(experts(eight)[0]!.experts, experts(one)[0]!.experts / 8);
  // 4 tokens touch most of the experts they choose; 32 tokens nearly all of an eighth.
  const touched = (shapes: ReturnType<typeof kernelShapes>) =>
    experts(shapes)[0]!.loads[0]!.experts;
  assert.ok(touched(one) > 25 && touched(one) < 4 * 8);
  assert.ok(touched(eight) > 13 && touched(eight) <= 16);
  const memory = ROUTED.memory(1024, WHOLE)[0]!;
  const eighth = ROUTED.memory(1024, { pipeline: 1, expert: 8 })[0]!;
  const routed = (4 * 128 * 3 * 768 * 2048 * 33) / 32;
  const saved = memory.weightBytes - eighth.weightBytes;
  // Tiles of 512 inputs leave a third of the last of 768 empty.
  assert.ok(saved >= (7 / 8) * routed && saved < (7 / 8) * routed * 1.15);
});

test('tensor ranks together hold the weights once, beside what all have whole', () => {
  const model = short('deepseek-v4-flash', 6);
  const bytes = (ranks: number): number =>
    new Rank(shardModel(model, ranks), FP8).memory(32, WHOLE)[0]!.weightBytes;
  const excess = (4 * bytes(4)) / bytes(1) - 1;
  assert.ok(excess > 0 && excess < 0.03, `${excess}`);
});

test('rows of all residual streams go from stage to stage', () => {
  assert.equal(DENSE.passedElements(2), 1024);
  assert.equal(V4.passedElements(3), 4 * 4096);
});

test('kinds of layers are all among the first ones', () => {
  assert.equal(DENSE.kindLayers, 1);
  assert.equal(V4.kindLayers, 5); // the first that chooses entries and has no table by token
});
