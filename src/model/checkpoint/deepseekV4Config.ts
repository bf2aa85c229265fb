/** Configuration of DeepSeek-V4 Flash and Pro [1]. [1] https://huggingface.co/deepseek-ai/DeepSeek-V4-Flash/blob/main/config.json */
import { z } from 'zod';
import { integer, number } from '../../schema/index.ts';
import { DECODER_FIELDS, fixed } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import { ENOUGH_ROUTED_EXPERTS, OUTPUT_GROUPS, PARTIAL_ROTATION } from './deepseekFields.ts';
import type { FamilyFields } from './familyFields.ts';
import { flag } from './fields.ts';

/** Tokens that an entry of a layer's compressed context stands for: none, sparse (CSA) or heavy (HCA). */
export const COMPRESS_RATIOS = [0, 4, 128] as const;
export type CompressRatio = (typeof COMPRESS_RATIOS)[number];

const { intermediate_size: _, ...SHARED } = DECODER_FIELDS;

/** Fields of config.json that DeepSeek-V4 needs; others are ignored. */
const SCHEMA = z
  .object({
    ...SHARED,
    head_dim: integer(2, 1e4),
    q_lora_rank: integer(1, 1e6),
    qk_rope_head_dim: integer(2, 1e4),
    sliding_window: integer(1, 1e6),
    /** A ratio a layer; more are those of draft layers. */
    compress_ratios: z.array(z.literal(COMPRESS_RATIOS, '0, 4 or 128'), 'a list of ratios'),
    compress_rope_theta: number(1, 1e12),
    o_groups: integer(1, 1e4),
    o_lora_rank: integer(1, 1e6),
    index_head_dim: integer(2, 1e4),
    index_n_heads: integer(1, 1e4),
    index_topk: integer(1, 1e6),
    hc_mult: integer(1, 16),
    hc_sinkhorn_iters: integer(1, 1000),
    hc_eps: number(0, 1),
    moe_intermediate_size: integer(1, 1e7),
    n_routed_experts: integer(2, 1e5),
    n_shared_experts: integer(1, 1000),
    num_experts_per_tok: integer(1, 1e5),
    num_hash_layers: integer(0, 1000),
    norm_topk_prob: flag,
    routed_scaling_factor: number(1e-6, 1e6),
    swiglu_limit: number(1e-6, 1e6),
    num_nextn_predict_layers: integer(0, 1000).default(0),
  })
  .refine((c) => c.compress_ratios.length >= c.num_hidden_layers, {
    path: ['compress_ratios'],
    error: 'a list with a ratio for each of num_hidden_layers',
  });

/** A checked DeepSeek-V4 configuration. The first `num_hash_layers` layers choose experts by token. */
export type DeepseekV4Config = z.output<typeof SCHEMA>;

const FIXED_FIELDS: readonly FixedField[] = [
  fixed('scoring_func', 'sqrtsoftplus'),
  fixed('topk_method', 'noaux_tc'),
  fixed('norm_topk_prob', true),
  fixed('num_key_value_heads', 1),
  fixed('tie_word_embeddings', false),
];

const RELATIONS: readonly Relation[] = [PARTIAL_ROTATION, OUTPUT_GROUPS, ENOUGH_ROUTED_EXPERTS];

export const DEEPSEEK_V4_FIELDS: FamilyFields<DeepseekV4Config> = {
  architectures: ['DeepseekV4ForCausalLM'],
  schema: SCHEMA,
  fixedFields: FIXED_FIELDS,
  relations: RELATIONS,
};
