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

const QWEN35 = {
  ...QWEN2,
  architectures: ['Qwen3_5ForConditionalGeneration'],
  head_dim: 256,
  num_attention_heads: 8,
  linear_num_key_heads: 16,
  linear_num_value_heads: 32,
  linear_key_head_dim: 128,
  linear_value_head_dim: 128,
  linear_conv_kernel_dim: 4,
};

test('every fourth layer of Qwen3.5 has full attention, unless the configuration says which', () => {
  const layersOf = (change: JsonRecord): string => {
    const found = parseModelConfig({ ...QWEN35, num_hidden_layers: 5, ...change });
    assert.ok(found.family === 'qwen3_5');
    return found.config.layer_types.map((type) => type[0]).join('');
  };
  assert.equal(layersOf({}), 'lllfl');
  assert.equal(layersOf({ full_attention_interval: 2 }), 'lflfl');
  const types = ['full', 'linear', 'linear', 'linear', 'full'].map((type) => `${type}_attention`);
  assert.equal(layersOf({ layer_types: types }), 'flllf');
  const few = { ...QWEN35, layer_types: types };
  refuses(few, FormatError, /layer_types must be a list with one for each layer, not/);
  const window = { ...QWEN35, layer_types: ['sliding_attention'] };
  refuses(window, FormatError, /layer_types\.0 must be/);
});

test('the text model of a multimodal one is nested, and what holds for both is not', () => {
  const { architectures, tie_word_embeddings, ...text } = QWEN35;
  const rope_parameters = { rope_type: 'default', rope_theta: 1e7, partial_rotary_factor: 0.5 };
  const found = parseModelConfig({
    architectures,
    model_type: 'qwen3_5',
    tie_word_embeddings,
    text_config: { ...text, model_type: 'qwen3_5_text', rope_parameters },
    vision_config: { depth: 12 },
  });
  assert.ok(found.family === 'qwen3_5');
  const { config } = found;
  assert.deepEqual([config.tie_word_embeddings, config.rope_theta], [true, 1e7]);
  assert.equal(config.rotatedChannels, 128);
  const flat = parseModelConfig({ ...text, model_type: 'qwen3_5_text' });
  assert.equal(flat.family, 'qwen3_5');
});

test('what Qwen3.5 has no other form of is refused', () => {
  const variants: [JsonRecord, RegExp][] = [
    [{ attn_output_gate: false }, /attn_output_gate must be true/],
    [{ mamba_ssm_dtype: 'bfloat16' }, /mamba_ssm_dtype must be "float32"/],
    [{ output_gate_type: 'sigmoid' }, /output_gate_type must be "swish"/],
  ];
  for (const [change, message] of variants) {
    refuses({ ...QWEN35, ...change }, UnsupportedError, message);
  }
  refuses(
    { ...QWEN35, linear_num_value_heads: 40 },
    FormatError,
    /multiple of linear_num_key_heads/,
  );
  const odd = { ...QWEN35, partial_rotary_factor: 0.3 };
  refuses(odd, FormatError, /partial_rotary_factor must be a part of head_dim with an even/);
});

test('windows of attention are refused', () => {
  refuses({ ...QWEN2, use_sliding_window: true }, UnsupportedError, /use_sliding_window must be/);
  const layers = ['full_attention', 'sliding_attention'];
  refuses({ ...QWEN2, layer_types: layers }, UnsupportedError, /"full_attention" in every layer/);
});
