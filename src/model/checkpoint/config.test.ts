import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { parseModelConfig } from './config.ts';

const QWEN3 = {
  architectures: ['Qwen3ForCausalLM'],
  model_type: 'qwen3',
  attention_bias: false,
  bos_token_id: 151643,
  eos_token_id: 151645,
  head_dim: 128,
  hidden_act: 'silu',
  hidden_size: 1024,
  intermediate_size: 3072,
  max_position_embeddings: 40960,
  num_attention_heads: 16,
  num_hidden_layers: 28,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1000000,
  tie_word_embeddings: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

const DEEPSEEK_V3 = {
  ...QWEN3,
  architectures: ['DeepseekV3ForCausalLM'],
  model_type: 'deepseek_v3',
  num_key_value_heads: 16,
  q_lora_rank: 1536,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  first_k_dense_replace: 3,
  moe_intermediate_size: 2048,
  moe_layer_freq: 1,
  n_routed_experts: 256,
  n_shared_experts: 1,
  num_experts_per_tok: 8,
  n_group: 8,
  topk_group: 4,
  norm_topk_prob: true,
  routed_scaling_factor: 2.5,
  scoring_func: 'sigmoid',
  topk_method: 'noaux_tc',
};

const YARN = {
  type: 'yarn',
  factor: 40,
  original_max_position_embeddings: 4096,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 1,
  mscale_all_dim: 1,
};

function refuses(config: JsonRecord, kind: typeof FormatError, message: string | RegExp): void {
  assert.throws(
    () => parseModelConfig(config),
    (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.equal(error.where, 'config.json');
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

test('a Qwen3 configuration keeps the fields it needs and drops the others', () => {
  const dropped = [
    'architectures',
    'model_type',
    'attention_bias',
    'hidden_act',
    'use_sliding_window',
  ];
  const kept = Object.entries(QWEN3).filter(([field]) => !dropped.includes(field));
  assert.deepEqual(parseModelConfig({ ...QWEN3, torch_dtype: 'bfloat16' }), {
    family: 'qwen3',
    config: { ...Object.fromEntries(kept), eos_token_id: [151645] },
  });
});

test('the architecture decides the family, and model_type does where none is named', () => {
  assert.equal(parseModelConfig(DEEPSEEK_V3).family, 'deepseek_v3');
  assert.equal(parseModelConfig({ ...QWEN3, model_type: 'other' }).family, 'qwen3');
  const { architectures: _, ...unnamed } = DEEPSEEK_V3;
  assert.equal(parseModelConfig(unnamed).family, 'deepseek_v3');
});

test('an unknown architecture is refused with those that are known', () => {
  const known = (found: string): RegExp =>
    new RegExp(`^the architecture must be .*Qwen3ForCausalLM or .*, not "${found}"$`);
  refuses(
    { ...QWEN3, architectures: ['LlamaForCausalLM'] },
    UnsupportedError,
    known('LlamaForCausalLM'),
  );
  refuses({ model_type: 'a_new_family' }, UnsupportedError, known('a_new_family'));
  refuses({ architectures: ['toString'] }, UnsupportedError, known('toString'));
  refuses({}, FormatError, /^architectures must be a list with .*, but it is absent$/);
  refuses({ architectures: [7] }, FormatError, /not 7$/);
});

test('every wrong field is reported at once, with its value and its requirement', () => {
  const { vocab_size: _, ...config } = QWEN3;
  refuses(
    { ...config, hidden_size: -4, num_hidden_layers: 1e9, rms_norm_eps: 'x', head_dim: 2.5 },
    FormatError,
    [
      'hidden_size must be an integer from 1 to 1000000, not -4',
      'num_hidden_layers must be an integer from 1 to 1000, not 1000000000',
      'vocab_size must be an integer from 1 to 10000000, but it is absent',
      'rms_norm_eps must be a number from 1e-30 to 1, not "x"',
      'head_dim must be an integer from 2 to 10000, not 2.5',
      'head_dim must be even, because rotation works on pairs, not head_dim 2.5',
    ].join('; '),
  );
});

test('fields that contradict each other are refused', () => {
  refuses(
    { ...QWEN3, num_attention_heads: 15 },
    FormatError,
    'num_attention_heads must be a multiple of num_key_value_heads, not num_attention_heads 15 and num_key_value_heads 8',
  );
  const contradictions: [JsonRecord, RegExp][] = [
    [{ num_key_value_heads: 8 }, /num_key_value_heads must equal num_attention_heads/],
    [{ n_group: 7 }, /n_routed_experts must be a multiple of n_group/],
    [{ n_group: 256 }, /with 2 or more in each group/],
    [{ topk_group: 9 }, /topk_group must be at most n_group/],
    [{ num_experts_per_tok: 129 }, /num_experts_per_tok must be at most the experts/],
    [{ first_k_dense_replace: 29 }, /first_k_dense_replace must be at most num_hidden_layers/],
    [{ qk_rope_head_dim: 63 }, /qk_rope_head_dim must be even/],
  ];
  for (const [change, message] of contradictions) {
    refuses({ ...DEEPSEEK_V3, ...change }, FormatError, message);
  }
});

test('features that are not supported are refused together', () => {
  refuses(
    { ...QWEN3, attention_bias: true, hidden_act: 'gelu', use_sliding_window: true },
    UnsupportedError,
    'attention_bias must be false, not true; hidden_act must be "silu", not "gelu"; ' +
      'use_sliding_window must be false, not true',
  );
  const layers = ['full_attention', 'sliding_attention'];
  refuses({ ...QWEN3, layer_types: layers }, UnsupportedError, /"full_attention" in every layer/);
  const variants: [JsonRecord, RegExp][] = [
    [{ q_lora_rank: null }, /q_lora_rank must be a number/],
    [{ scoring_func: 'softmax' }, /scoring_func must be "sigmoid"/],
    [{ topk_method: 'greedy' }, /topk_method must be "noaux_tc"/],
    [{ moe_layer_freq: 2 }, /moe_layer_freq must be 1, not 2/],
    [{ rope_interleave: false }, /rope_interleave must be true/],
    [{ quantization_config: { quant_method: 'hqq' } }, /quant_method must be one of .*, not "hqq"/],
  ];
  for (const [change, message] of variants) {
    refuses({ ...DEEPSEEK_V3, ...change }, UnsupportedError, message);
  }
});

test('yarn is read in the older and the newer spelling', () => {
  const { type: _, ...scaling } = YARN;
  const older = parseModelConfig({ ...DEEPSEEK_V3, rope_scaling: YARN }).config;
  assert.deepEqual(older.rope_scaling, scaling);
  const { rope_theta: _theta, rope_scaling: _scaling, ...rest } = DEEPSEEK_V3;
  const parameters = { ...scaling, rope_type: 'yarn', rope_theta: 10000 };
  const newer = parseModelConfig({ ...rest, rope_parameters: parameters }).config;
  assert.deepEqual(newer.rope_scaling, scaling);
  assert.equal(newer.rope_theta, 10000);
});

test('yarn fields that are left out get their usual values', () => {
  const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32768 };
  assert.deepEqual(parseModelConfig({ ...QWEN3, rope_scaling: yarn }).config.rope_scaling, {
    factor: 4,
    original_max_position_embeddings: 32768,
    beta_fast: 32,
    beta_slow: 1,
    mscale: 1,
    mscale_all_dim: 0,
  });
});

test('plain rotation may be spelled as kind "default"', () => {
  const parameters = { rope_type: 'default', rope_theta: 5000 };
  const { config } = parseModelConfig({ ...QWEN3, rope_parameters: parameters });
  assert.equal(config.rope_scaling, null);
  assert.equal(config.rope_theta, 5000);
});

test('other scalings of rotation are refused, and broken yarn is reported', () => {
  refuses(
    { ...QWEN3, rope_scaling: { type: 'linear', factor: 2 } },
    UnsupportedError,
    'the kind of rope_scaling must be "yarn" or "default", not "linear"',
  );
  const factor = { ...YARN, attention_factor: 1.2 };
  refuses({ ...QWEN3, rope_scaling: factor }, UnsupportedError, /attention_factor must be null/);
  refuses(
    { ...QWEN3, rope_scaling: { ...YARN, factor: 0, original_max_position_embeddings: undefined } },
    FormatError,
    'rope_scaling.factor must be a number from 1 to 1000000, not 0; ' +
      'rope_scaling.original_max_position_embeddings must be an integer from 1 to 1000000000, but it is absent',
  );
  refuses(
    { ...QWEN3, rope_scaling: { ...YARN, beta_fast: 1 } },
    FormatError,
    'rope_scaling.beta_fast must be above rope_scaling.beta_slow, not 1',
  );
});

test('end tokens may be one, several or none', () => {
  const endsOf = (value: unknown) =>
    parseModelConfig({ ...QWEN3, eos_token_id: value }).config.eos_token_id;
  assert.deepEqual(endsOf([1, 2]), [1, 2]);
  assert.deepEqual(endsOf(null), []);
  assert.deepEqual(endsOf(undefined), []);
  refuses({ ...QWEN3, eos_token_id: 'x' }, FormatError, /eos_token_id must be a token id, a list/);
});
