/** Configuration of DeepSeek-V3, R1 and V3.1 [1]. [1] https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json */
import { z } from 'zod';
import { integer, number } from '../../base/index.ts';
import { DECODER_FIELDS, fixed } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import type { FamilyFields } from './familyFields.ts';
import { flag } from './fields.ts';

/** Fields of config.json that DeepSeek-V3 needs; others are ignored. */
const SCHEMA = z.object({
  ...DECODER_FIELDS,
  q_lora_rank: integer(1, 1e6),
  kv_lora_rank: integer(1, 1e6),
  qk_nope_head_dim: integer(1, 1e4),
  qk_rope_head_dim: integer(2, 1e4),
  v_head_dim: integer(1, 1e4),
  first_k_dense_replace: integer(0, 1000),
  moe_intermediate_size: integer(1, 1e7),
  n_routed_experts: integer(2, 1e5),
  n_shared_experts: integer(1, 1000),
  num_experts_per_tok: integer(1, 1e5),
  n_group: integer(1, 1e5),
  topk_group: integer(1, 1e5),
  norm_topk_prob: flag,
  routed_scaling_factor: number(1e-6, 1e6),
  num_nextn_predict_layers: integer(0, 1000).default(0),
});

/** A checked DeepSeek-V3 configuration. The first `first_k_dense_replace` layers are dense, the others MoE. */
export type DeepseekV3Config = z.output<typeof SCHEMA>;

const FIXED_FIELDS: readonly FixedField[] = [
  fixed('scoring_func', 'sigmoid'),
  fixed('topk_method', 'noaux_tc'),
  fixed('moe_layer_freq', 1),
  fixed('rope_interleave', true),
  {
    field: 'q_lora_rank',
    requirement: 'a number, because queries without compression are not supported',
    holds: (rank) => rank !== null,
  },
];

const RELATIONS: readonly Relation[] = [
  {
    fields: ['num_attention_heads', 'num_key_value_heads'],
    requirement: 'num_key_value_heads must equal num_attention_heads in latent attention',
    holds: (c) => c.num_attention_heads === c.num_key_value_heads,
  },
  {
    fields: ['qk_rope_head_dim'],
    requirement: 'qk_rope_head_dim must be even, because rotation works on pairs',
    holds: (c) => c.qk_rope_head_dim % 2 === 0,
  },
  {
    fields: ['n_routed_experts', 'n_group'],
    requirement:
      'n_routed_experts must be a multiple of n_group with 2 or more in each group, whose score is that of its best 2',
    holds: (c) => c.n_routed_experts % c.n_group === 0 && c.n_routed_experts / c.n_group >= 2,
  },
  {
    fields: ['topk_group', 'n_group'],
    requirement: 'topk_group must be at most n_group',
    holds: (c) => c.topk_group <= c.n_group,
  },
  {
    fields: ['num_experts_per_tok', 'n_routed_experts', 'n_group', 'topk_group'],
    requirement: 'num_experts_per_tok must be at most the experts of the topk_group groups',
    holds: (c) => c.num_experts_per_tok <= (c.n_routed_experts / c.n_group) * c.topk_group,
  },
  {
    fields: ['first_k_dense_replace', 'num_hidden_layers'],
    requirement: 'first_k_dense_replace must be at most num_hidden_layers',
    holds: (c) => c.first_k_dense_replace <= c.num_hidden_layers,
  },
];

export const DEEPSEEK_V3_FIELDS: FamilyFields<DeepseekV3Config> = {
  architectures: ['DeepseekV3ForCausalLM'],
  schema: SCHEMA,
  fixedFields: FIXED_FIELDS,
  relations: RELATIONS,
};
