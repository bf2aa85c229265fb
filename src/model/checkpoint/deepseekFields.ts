/** What the configurations of DeepSeek's families share: latent attention and routed experts of V2, V3 and V3.2, relations of V4 and V4.1. */
import { integer, number } from '../../schema/index.ts';
import { DECODER_FIELDS, fixed } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import { flag } from './fields.ts';

/** Fields of multi-head latent attention beside a mixture of experts, without the router's own. */
export const LATENT_FIELDS = {
  ...DECODER_FIELDS,
  kv_lora_rank: integer(1, 1e6),
  qk_nope_head_dim: integer(1, 1e4),
  qk_rope_head_dim: integer(2, 1e4),
  v_head_dim: integer(1, 1e4),
  first_k_dense_replace: integer(0, 1000),
  moe_intermediate_size: integer(1, 1e7),
  n_routed_experts: integer(2, 1e5),
  n_shared_experts: integer(1, 1000),
  num_experts_per_tok: integer(1, 1e5),
  norm_topk_prob: flag,
  routed_scaling_factor: number(1e-6, 1e6),
  num_nextn_predict_layers: integer(0, 1000).default(0),
};

/** Fields of a router that keeps the best groups of experts. */
export const GROUP_FIELDS = {
  n_group: integer(1, 1e5),
  topk_group: integer(1, 1e5),
};

export const LATENT_FIXED_FIELDS: readonly FixedField[] = [
  fixed('moe_layer_freq', 1),
  fixed('rope_interleave', true),
];

/** The query is compressed in every published model with this architecture. */
export const COMPRESSED_QUERY: FixedField = {
  field: 'q_lora_rank',
  requirement: 'a number, because queries without compression are not supported',
  holds: (rank) => rank !== null,
};

export const LATENT_RELATIONS: readonly Relation[] = [
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
    fields: ['first_k_dense_replace', 'num_hidden_layers'],
    requirement: 'first_k_dense_replace must be at most num_hidden_layers',
    holds: (c) => c.first_k_dense_replace <= c.num_hidden_layers,
  },
];

/** Whole groups, and experts enough in those that are kept. */
export const GROUP_RELATIONS: readonly Relation[] = [
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
];

/** DeepSeek-V3 scores a group by its best two experts. */
export const PAIRS_IN_GROUPS: Relation = {
  fields: ['n_routed_experts', 'n_group'],
  requirement:
    'n_routed_experts must be a multiple of n_group with 2 or more in each group, whose score is that of its best 2',
  holds: (c) => c.n_routed_experts % c.n_group === 0 && c.n_routed_experts / c.n_group >= 2,
};

/** V4 turns the last channels of a head alone. */
export const PARTIAL_ROTATION: Relation = {
  fields: ['qk_rope_head_dim', 'head_dim', 'index_head_dim'],
  requirement: 'qk_rope_head_dim must be even, and below head_dim and index_head_dim',
  holds: (c) =>
    c.qk_rope_head_dim % 2 === 0 && c.qk_rope_head_dim < Math.min(c.head_dim, c.index_head_dim),
};

/** V4 projects the heads to the output group by group. */
export const OUTPUT_GROUPS: Relation = {
  fields: ['num_attention_heads', 'o_groups'],
  requirement: 'num_attention_heads must be a multiple of o_groups',
  holds: (c) => c.num_attention_heads % c.o_groups === 0,
};

/** Of a router without groups. */
export const ENOUGH_ROUTED_EXPERTS: Relation = {
  fields: ['num_experts_per_tok', 'n_routed_experts'],
  requirement: 'num_experts_per_tok must be at most n_routed_experts',
  holds: (c) => c.num_experts_per_tok <= c.n_routed_experts,
};
