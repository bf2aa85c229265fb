import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCatalogueModel } from '../../model/index.ts';
import { currentOf, variantsOf } from './variants.ts';

const V4 = readCatalogueModel('deepseek-v4-flash');

test('drafts are a variant of models with a head for them', () => {
  const { variants } = variantsOf(V4, { acceptance: [0.5, 0.85], experts: [128] });
  assert.deepEqual(
    variants.map(({ name, acceptance }) => [name, acceptance]),
    [
      ['as published', undefined],
      ['experts=128', undefined],
      ['acceptance=0.5', 0.5],
      ['acceptance=0.5,experts=128', 0.5],
      ['acceptance=0.85', 0.85],
      ['acceptance=0.85,experts=128', 0.85],
    ],
  );
  const dense = variantsOf(readCatalogueModel('qwen3-4b'), { acceptance: [0.5] });
  assert.equal(dense.variants.length, 1);
  assert.match(dense.rejected[0]!.reason, /MTP heads of qwen3 are skipped/);
});

test('every combination of choices is a variant, the model itself first', () => {
  const { variants, rejected } = variantsOf(V4, { experts: [128, 256], expertWidth: [4096] });
  assert.deepEqual(rejected, []);
  assert.deepEqual(
    variants.map(({ name }) => name),
    ['as published', 'expertWidth=4096', 'experts=128', 'experts=128,expertWidth=4096'],
  );
  assert.deepEqual(variants[0]!.model, V4.model);
  const { config } = variants[3]!.model as { config: { n_routed_experts: number } };
  assert.equal(config.n_routed_experts, 128);
});

test('of ratios by layer the largest is changed', () => {
  const { variants } = variantsOf(V4, { compressionRatio: [4] });
  const ratios = variants[1]!.raw['compress_ratios'] as number[];
  assert.deepEqual([...new Set(ratios)].toSorted(), [0, 4]);
  assert.equal(currentOf(V4.raw, 'compressionRatio'), 128);
  const { rejected } = variantsOf(V4, { compressionRatio: [64] });
  assert.match(rejected[0]!.reason, /0, 4 or 128/);
});

test('a model that nests its text is changed inside', () => {
  const model = readCatalogueModel('qwen3.5-4b');
  const { variants } = variantsOf(model, { width: [8192] });
  assert.equal(
    (variants[1]!.model.config as { intermediate_size: number }).intermediate_size,
    8192,
  );
});

test('a configuration that contradicts itself is rejected with its reason', () => {
  const { variants, rejected } = variantsOf(readCatalogueModel('qwen3-4b'), { keyHeads: [3] });
  assert.equal(variants.length, 1);
  assert.match(rejected[0]!.reason, /num_key_value_heads|num_attention_heads/);
});

test('what a model does not have cannot be changed', () => {
  const model = readCatalogueModel('qwen3-4b');
  assert.throws(() => variantsOf(model, { experts: [8] }), /qwen3-4b must have routed experts/);
  assert.throws(() => variantsOf(model, { expertz: [8] } as object), /expertz/);
  const many = Array.from({ length: 40 }, (_, i) => i + 1);
  assert.throws(() => variantsOf(model, { width: many, headWidth: many }), /at most 1000/);
});
