import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsupportedError } from '../../base/index.ts';
import { countElements } from '../../ir/index.ts';
import { buildGraph, NO_WEIGHTS, readCatalogueModel, type ModelConfig } from '../../model/index.ts';
import { shardModel } from './shard.ts';

/** Elements of each weight, by name. */
function weightsOf(model: ModelConfig): Map<string, number> {
  const options = { logits: 'last', latentAttention: 'absorbed' } as const;
  const { weights } = buildGraph(model, NO_WEIGHTS, options);
  return new Map([...weights].map(([name, { shape }]) => [name, countElements(shape)]));
}

/** Of every family: a model, and the part of its elements that 2 ranks hold both. */
const MODELS = [
  ['qwen2.5-7b', 0.001],
  ['qwen3-8b', 0.001],
  ['qwen3-30b-a3b', 0.001],
  ['qwen3-next-80b-a3b', 0.005],
  ['qwen3.5-4b', 0.005],
  ['qwen3.5-35b-a3b', 0.005],
  ['deepseek-v2-lite', 0.005],
  ['deepseek-v3', 0.005],
  ['deepseek-v3.2', 0.005],
  ['deepseek-v4-flash', 0.01],
] as const;

for (const [name, repeatedPart] of MODELS) {
  test(`${name}: weights of two ranks are the whole, and what both hold`, () => {
    const { model } = readCatalogueModel(name);
    const whole = weightsOf(model);
    const half = weightsOf(shardModel(model, 2));
    assert.deepEqual([...half.keys()], [...whole.keys()]);
    let [total, repeated] = [0, 0];
    for (const [weight, elements] of whole) {
      const own = half.get(weight)!;
      assert.ok(own === elements || 2 * own === elements, `${weight}: ${own} of ${elements}`);
      total += elements;
      if (own === elements) repeated += elements;
    }
    assert.ok(repeated / total < repeatedPart, `${repeated / total} of ${name}`);
  });
}

test('one rank is the model itself', () => {
  const { model } = readCatalogueModel('deepseek-v4-flash');
  assert.equal(shardModel(model, 1), model);
});

test('key heads are repeated when there are fewer than ranks', () => {
  const { model } = readCatalogueModel('qwen3-30b-a3b'); // 32 heads, 4 key heads
  const config = (ranks: number) => shardModel(model, ranks).config as Record<string, unknown>;
  assert.deepEqual(
    [2, 4, 8].map((ranks) => config(ranks)['num_key_value_heads']),
    [2, 1, 1],
  );
});

test('what does not divide is refused, every field by name', () => {
  const { model } = readCatalogueModel('deepseek-v4-flash'); // 8 groups of heads, experts of 2048
  assert.throws(
    () => shardModel(model, 128),
    (error) =>
      error instanceof UnsupportedError &&
      error.message.includes('num_attention_heads must be a multiple of 128, not 64') &&
      error.message.includes('o_groups must be a multiple of 128, not 8') &&
      error.message.includes('moe_intermediate_size must be a multiple of 128 × 32, not 2048'),
  );
});
