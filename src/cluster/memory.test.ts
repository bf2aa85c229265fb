import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAccelerator } from '../chip/index.ts';
import { chipModel, countParameters, PRECISIONS, precisionOn, trainedIn } from '../cost/index.ts';
import { readCatalogueModel } from '../model/index.ts';
import { memoryPerChip, mostSequences, weightBytesPerChip } from './memory.ts';
import type { Layout } from './layout.ts';
import { servedModel } from './servedModel.ts';

const ONE: Layout = { tensor: 1, pipeline: 1, data: 1, expert: 1 };
const h200 = loadAccelerator('nvidia-h200-sxm');
const near = (a: number, b: number, relative = 1e-9): void =>
  assert.ok(Math.abs(a / b - 1) < relative, `${a}, not ${b}`);

test('in bf16 the weights of one chip are two bytes a parameter, tied tables once', () => {
  for (const name of ['qwen3-0.6b', 'qwen3-32b', 'qwen3.5-35b-a3b', 'deepseek-v2-lite']) {
    const model = servedModel(readCatalogueModel(name));
    const precision = precisionOn(h200, PRECISIONS['bf16']!);
    const bytes = weightBytesPerChip(model.decode, ONE, precision);
    near(bytes, 2 * countParameters(model.decode.graph).total, 1e-6);
  }
});

test('tensor ranks divide what has heads or columns, expert ranks the experts', () => {
  const model = servedModel(readCatalogueModel('deepseek-v3'));
  const precision = precisionOn(h200, model.published);
  const bytes = (layout: Partial<Layout>): number =>
    weightBytesPerChip(model.decode, { ...ONE, ...layout }, precision);
  const whole = bytes({});
  const byTensor = bytes({ tensor: 8 });
  assert.ok(byTensor > whole / 8 && byTensor < whole / 7.5, `${byTensor / whole}`);
  near(bytes({ tensor: 8, expert: 8 }), byTensor);
  const byExpert = bytes({ data: 8, expert: 8 });
  assert.ok(byExpert > byTensor, 'every rank has the attention of its own');
  near(bytes({ pipeline: 2 }), (whole * 31) / 61);
});

test('a latent is not divided by tensor ranks, heads of keys are', () => {
  const state = (name: string, tensor: number): number => {
    const model = servedModel(readCatalogueModel(name));
    const chip = chipModel(h200, precisionOn(h200, model.published));
    const load = { sequences: 4, context: 1000, stepTokens: 4 };
    return memoryPerChip(model, { ...ONE, tensor }, chip, load).stateBytes;
  };
  near(state('deepseek-v3', 8), 4 * 1000 * 70272);
  near(state('qwen3-32b', 1), 4 * 1000 * 256 * 1024);
  near(state('qwen3-32b', 4), (4 * 1000 * 256 * 1024) / 4);
  near(state('qwen3-32b', 64), (4 * 1000 * 256 * 1024) / 8); // 8 heads of keys
});

test('DeepSeek-V3 in FP8 fits on 8 H200 and not on 8 H100, and holds so many sequences', () => {
  const model = servedModel(readCatalogueModel('deepseek-v3'));
  const layout = { ...ONE, tensor: 8 };
  const load = { sequences: 16, context: 2048, stepTokens: 8192 };
  const on = (id: string): ReturnType<typeof chipModel> =>
    chipModel(loadAccelerator(id), precisionOn(loadAccelerator(id), model.published));
  assert.ok(memoryPerChip(model, layout, on('nvidia-h200-sxm'), load).fits);
  assert.ok(!memoryPerChip(model, layout, on('nvidia-h100-sxm'), load).fits);
  assert.equal(mostSequences(model, layout, on('nvidia-h100-sxm'), load), 0);
  const most = mostSequences(model, layout, on('nvidia-h200-sxm'), load);
  const at = (sequences: number): boolean =>
    memoryPerChip(model, layout, on('nvidia-h200-sxm'), { ...load, sequences }).fits;
  assert.ok(most > 100 && at(Math.floor(most * 0.99)));
  assert.ok(!at(most + 1));
});

test('what a chip has no arithmetic for becomes wider, and takes the bytes', () => {
  const wanted = PRECISIONS['mxfp4']!;
  const on = (id: string) => precisionOn(loadAccelerator(id), wanted);
  assert.deepEqual(on('nvidia-b200').expanded, []);
  assert.deepEqual(on('nvidia-h20').expanded, ['mxfp4 → fp8']);
  assert.deepEqual(on('huawei-ascend-910c').expanded, ['fp8 → int8', 'mxfp4 → int8']);
  assert.equal(on('metax-c500').experts.format, 'int8');
});

test('nothing is trained in INT8 or FP4: FP8 where a chip has it, else BF16', () => {
  const on = (id: string, wanted: string): string =>
    trainedIn(loadAccelerator(id), PRECISIONS[wanted]!).experts;
  assert.equal(on('nvidia-h800-sxm', 'mxfp4'), 'fp8');
  assert.equal(on('huawei-ascend-910c', 'fp8'), 'bf16');
  assert.equal(on('nvidia-h800-sxm', 'bf16'), 'bf16');
});
