/**
 * Configuration of the Qwen models whose layers are mostly gated delta rules: Qwen3-Next [1], and
 * Qwen3.5, 3.6 and 3.8, dense and with experts [2], whose fields are nested in `text_config` when the
 * model also sees pictures.
 *
 * [1] https://huggingface.co/Qwen/Qwen3-Next-80B-A3B-Instruct/blob/main/config.json
 * [2] https://huggingface.co/Qwen/Qwen3.5-35B-A3B/blob/main/config.json
 */
import { z } from 'zod';
import { integer, number } from '../../schema/index.ts';
import { GROUPED_QUERIES } from './attentionFields.ts';
import { DECODER_FIELDS, fixed } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import { ENOUGH_EXPERTS, EXPERT_FIELDS, SPARSE_LAYER_FIELDS } from './expertFields.ts';
import type { FamilyFields } from './familyFields.ts';
import { flag } from './fields.ts';

const { intermediate_size, ...COMMON_FIELDS } = DECODER_FIELDS;

export const HYBRID_FIELDS = {
  ...COMMON_FIELDS,
  head_dim: integer(2, 1e4),
  /** The part of each head that is rotated: its first channels. */
  partial_rotary_factor: number(0.001, 1).default(0.25),
  /** Layers of the head that predicts a further token; Qwen3-Next has one and does not say so. */
  mtp_num_hidden_layers: integer(0, 1000).default(1),
  linear_num_key_heads: integer(1, 1e4),
  linear_num_value_heads: integer(1, 1e4),
  linear_key_head_dim: integer(1, 1e4),
  linear_value_head_dim: integer(1, 1e4),
  linear_conv_kernel_dim: integer(2, 100),
  /** Every so many layers has full attention, unless `layer_types` says which. */
  full_attention_interval: integer(1, 1000).default(4),
  layer_types: z
    .array(
      z.enum(['linear_attention', 'full_attention']),
      'a list of "linear_attention" or "full_attention"',
    )
    .max(1000)
    .nullish(),
};

export const MOE_FIELDS = {
  ...EXPERT_FIELDS,
  shared_expert_intermediate_size: integer(1, 1e7),
  norm_topk_prob: flag.default(true),
};

type HybridFields = z.output<z.ZodObject<typeof HYBRID_FIELDS>>;

/** What every schema checks beyond its fields, and the fields with which layers are built. */
export function complete<T extends HybridFields>(schema: z.ZodType<T>) {
  return schema
    .refine(
      ({ layer_types: types, num_hidden_layers }) => !types || types.length === num_hidden_layers,
      {
        path: ['layer_types'],
        error: 'a list with one for each layer',
      },
    )
    .refine((c) => Number.isInteger((c.head_dim * c.partial_rotary_factor) / 2), {
      path: ['partial_rotary_factor'],
      error: 'a part of head_dim with an even number of channels',
    })
    .transform((config) => ({
      ...config,
      /** The first channels of each head, which are rotated. */
      rotatedChannels: config.head_dim * config.partial_rotary_factor,
      layer_types:
        config.layer_types ??
        layersWithInterval(config.num_hidden_layers, config.full_attention_interval),
    }));
}

type LayerType = 'linear_attention' | 'full_attention';

function layersWithInterval(count: number, interval: number): LayerType[] {
  return Array.from({ length: count }, (_, i) =>
    (i + 1) % interval === 0 ? 'full_attention' : 'linear_attention',
  );
}

const NEXT = complete(
  z.object({ ...HYBRID_FIELDS, intermediate_size, ...MOE_FIELDS, ...SPARSE_LAYER_FIELDS }),
);
const DENSE = complete(z.object({ ...HYBRID_FIELDS, intermediate_size }));
const MOE = complete(z.object({ ...HYBRID_FIELDS, ...MOE_FIELDS }));

export type Qwen3NextConfig = z.output<typeof NEXT>;
export type Qwen35Config = z.output<typeof DENSE>;
export type Qwen35MoeConfig = z.output<typeof MOE>;

export const HYBRID_FIXED_FIELDS: readonly FixedField[] = [
  fixed('attn_output_gate', true),
  fixed('mamba_ssm_dtype', 'float32'),
  fixed('mtp_use_dedicated_embeddings', false),
];

const FIXED_FIELDS: readonly FixedField[] = [
  ...HYBRID_FIXED_FIELDS,
  {
    field: 'output_gate_type',
    requirement: '"swish"',
    holds: (type) => type === undefined || type === null || type === 'swish' || type === 'silu',
  },
];

/** Of Qwen3.5 with experts: every layer has them. */
export const NO_DENSE_LAYERS: FixedField = {
  field: 'mlp_only_layers',
  requirement: '[]',
  holds: (layers) => !Array.isArray(layers) || layers.length === 0,
};

export const HYBRID_RELATIONS: readonly Relation[] = [
  GROUPED_QUERIES,
  {
    fields: ['linear_num_value_heads', 'linear_num_key_heads'],
    requirement: 'linear_num_value_heads must be a multiple of linear_num_key_heads',
    holds: (c) => c.linear_num_value_heads % c.linear_num_key_heads === 0,
  },
];

export const QWEN3_NEXT_FIELDS: FamilyFields<Qwen3NextConfig> = {
  architectures: ['Qwen3NextForCausalLM'],
  schema: NEXT,
  fixedFields: FIXED_FIELDS,
  relations: [...HYBRID_RELATIONS, ENOUGH_EXPERTS],
};

export const QWEN35_FIELDS: FamilyFields<Qwen35Config> = {
  architectures: ['Qwen3_5ForCausalLM', 'Qwen3_5ForConditionalGeneration'],
  schema: DENSE,
  fixedFields: FIXED_FIELDS,
  relations: HYBRID_RELATIONS,
};

export const QWEN35_MOE_FIELDS: FamilyFields<Qwen35MoeConfig> = {
  architectures: ['Qwen3_5MoeForCausalLM', 'Qwen3_5MoeForConditionalGeneration'],
  schema: MOE,
  fixedFields: [...FIXED_FIELDS, NO_DENSE_LAYERS],
  relations: [...HYBRID_RELATIONS, ENOUGH_EXPERTS],
};
