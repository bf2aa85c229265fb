import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { parseModelConfig } from './config.ts';

const QWEN2 = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_act: 'silu',
  hidden_size: 896,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  tie_word_embeddings: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

function refuses(config: JsonRecord, kind: typeof FormatError, message: RegExp): void {
  assert.throws(
    () => parseModelConfig(config),
    (error) => error instanceof kind && message.test(error.message),
  );
}

test('heads of Qwen2 are as wide as the hidden state has room for, unless said otherwise', () => {
  const found = parseModelConfig(QWEN2);
  assert.ok(found.family === 'qwen2');
  assert.equal(found.config.head_dim, 64);
  const wide = parseModelConfig({ ...QWEN2, head_dim: 128 });
  assert.ok(wide.family === 'qwen2');
  assert.equal(wide.config.head_dim, 128);
  refuses({ ...QWEN2, hidden_size: 897 }, FormatError, /hidden_size must be heads of an even/);
  refuses({ ...QWEN2, num_key_value_heads: 3 }, FormatError, /must be a multiple of num_key/);
});

test('experts of Qwen3 may be counted in either spelling, and not be fewer than a token asks for', () => {
  const config = {
    ...QWEN2,
    architectures: ['Qwen3MoeForCausalLM'],
    head_dim: 64,
    moe_intermediate_size: 768,
    num_local_experts: 128,
    num_experts_per_tok: 8,
  };
  const found = parseModelConfig(config);
  assert.ok(found.family === 'qwen3_moe');
  const { num_experts, norm_topk_prob, mlp_only_layers } = found.config;
  assert.deepEqual([num_experts, norm_topk_prob, mlp_only_layers], [128, false, []]);
  const few = { ...config, num_experts_per_tok: 129 };
  refuses(few, FormatError, /num_experts_per_tok must be at most num_experts/);
});

test('windows of attention are refused', () => {
  refuses({ ...QWEN2, use_sliding_window: true }, UnsupportedError, /use_sliding_window must be/);
  const layers = ['full_attention', 'sliding_attention'];
  refuses({ ...QWEN2, layer_types: layers }, UnsupportedError, /"full_attention" in every layer/);
});
