import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../base/index.ts';
import { readCatalogueModel } from './catalogue.node.ts';
import { parseModelConfig } from './config.ts';

const { raw: V2_LITE } = readCatalogueModel('deepseek-v2-lite');

function refuses(raw: Record<string, unknown>, kind: typeof FormatError, message: RegExp): void {
  assert.throws(
    () => parseModelConfig(raw),
    (error) => error instanceof kind && message.test(error.message),
  );
}

test('DeepSeek-V2-Lite has queries without compression, and no groups where null stands for them', () => {
  const { family, config } = parseModelConfig({ ...V2_LITE, n_group: null, topk_group: null });
  assert.ok(family === 'deepseek_v2');
  assert.equal(config.q_lora_rank, null);
  assert.deepEqual([config.n_group, config.topk_group], [1, 1]);
});

test('DeepSeek-V3.2 is refused with index heads that have no channels beside the rotated ones', () => {
  const { raw } = readCatalogueModel('deepseek-v3.2');
  assert.equal(parseModelConfig(raw).family, 'deepseek_v32');
  refuses({ ...raw, index_head_dim: 64 }, FormatError, /qk_rope_head_dim must be below index_head/);
});

test('DeepSeek-V2 is refused with gates, scores or choices of another kind', () => {
  refuses({ ...V2_LITE, norm_topk_prob: true }, UnsupportedError, /norm_topk_prob must be false/);
  refuses({ ...V2_LITE, scoring_func: 'sigmoid' }, UnsupportedError, /must be "softmax"/);
  refuses({ ...V2_LITE, topk_method: 'noaux_tc' }, FormatError, /topk_method must be "greedy" or/);
  refuses(
    { ...V2_LITE, n_group: 7 },
    FormatError,
    /n_routed_experts must be a multiple of n_group/,
  );
});
