/**
 * Configuration of DeepSeek-V4.1-Flash [1]. The layers for drafts (dspark_*) and the tower that sees
 * pictures are left out.
 *
 * [1] https://huggingface.co/deepseek-ai/DeepSeek-V4.1-Flash/blob/main/config.json
 */
import { z } from 'zod';
import { integer, number } from '../../schema/index.ts';
import { DECODER_FIELDS, fixed } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import { ENOUGH_ROUTED_EXPERTS, OUTPUT_GROUPS, PARTIAL_ROTATION } from './deepseekFields.ts';
import type { FamilyFields } from './familyFields.ts';
import { flag } from './fields.ts';

const { intermediate_size: _, ...SHARED } = DECODER_FIELDS;

const layers = z.array(integer(0, 999), 'a list of layers');
const token = integer(0, 1e9).optional();

/** Classes below would let multipliers exceed the integers that are exact in f64. */
const LEAST_CLASSES = 1025;

/** Elements that share a scale in the caches. */
export const CACHE_GROUP = 32;

/** Fields of config.json that DeepSeek-V4.1 needs; others are ignored. */
const FIELDS = z.object({
  ...SHARED,
  head_dim: integer(2, 1e4),
  q_lora_rank: integer(1, 1e6),
  qk_rope_head_dim: integer(2, 1e4),
  sliding_window: integer(1, 1e6),
  /** Tokens that an entry of the compressed context stands for, a number a layer; 0 for none. */
  compress_ratios: z.array(integer(0, 1e4), 'a list of ratios'),
  compress_rope_theta: number(1, 1e12),
  /** Layers that compress the context for themselves and those up to the next one. */
  kv_source_layer_ids: layers,
  /** Layers that choose entries for themselves and those up to the next one. */
  index_source_layer_ids: layers,
  /** The layer that chooses blocks, within which later ones choose; −1 for none. */
  candidate_source_layer_id: integer(-1, 999),
  candidate_topk_blocks: integer(1, 1e6),
  candidate_block_size: integer(1, 1e6),
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
  norm_topk_prob: flag,
  routed_scaling_factor: number(1e-6, 1e6),
  swiglu_limit: number(1e-6, 1e6),
  /** Layers with a table by n-gram, and the rows of each. */
  engram_layer_ids: layers,
  engram_num_embeddings: z.array(integer(1, 2 ** 31 - 1), 'a list of numbers of rows'),
  /** Where the search for the sizes of a table's parts begins. */
  engram_vocab_size: integer(2, 1e8),
  engram_max_ngram_size: integer(2, 16),
  engram_n_heads: integer(1, 1000),
  engram_head_dim: integer(1, 1e5),
  engram_compressed_vocab_size: integer(LEAST_CLASSES, 1e7),
  /** The token before the first; transformers calls it engram_pad_id. */
  engram_pad_token_id: token,
  engram_pad_id: token,
});

/** A checked DeepSeek-V4.1 configuration. */
export type DeepseekV41Config = z.output<typeof FIELDS>;

interface ListRule {
  readonly field: string;
  readonly error: string;
  readonly holds: (config: DeepseekV41Config) => boolean;
}

/** What lists must be like; a layer reads what the last source at or before it has published. */
const LIST_RULES: readonly ListRule[] = [
  {
    field: 'compress_ratios',
    error: 'a list with a ratio for each of num_hidden_layers',
    holds: (c) => c.compress_ratios.length >= c.num_hidden_layers,
  },
  {
    field: 'kv_source_layer_ids',
    error: 'such that layers have the ratio of the last source at or before them',
    holds: (c) => ratiosAgree(c),
  },
  {
    field: 'index_source_layer_ids',
    error: 'layers that compress, with all of kv_source_layer_ids among them',
    holds: (c) =>
      c.kv_source_layer_ids.every((i) => c.index_source_layer_ids.includes(i)) &&
      c.index_source_layer_ids.every((i) => (c.compress_ratios[i] ?? 0) > 0),
  },
  {
    field: 'candidate_source_layer_id',
    error: 'one of index_source_layer_ids, at or behind the last of kv_source_layer_ids, or -1',
    holds: ({ candidate_source_layer_id: i, ...c }) =>
      i < 0 ||
      (c.index_source_layer_ids.includes(i) &&
        c.kv_source_layer_ids.every((source) => source <= i)),
  },
  {
    field: 'engram_num_embeddings',
    error: 'a list as long as engram_layer_ids',
    holds: (c) => c.engram_num_embeddings.length === c.engram_layer_ids.length,
  },
];

function ratiosAgree(config: DeepseekV41Config): boolean {
  const ratios = config.compress_ratios.slice(0, config.num_hidden_layers);
  return ratios.every((ratio, i) => {
    const source = config.kv_source_layer_ids.filter((from) => from <= i).at(-1);
    return ratio === (source === undefined ? 0 : ratios[source]);
  });
}

const SCHEMA = FIELDS.superRefine((config, context) => {
  for (const { field, error, holds } of LIST_RULES) {
    if (!holds(config)) context.addIssue({ code: 'custom', path: [field], message: error });
  }
});

const FIXED_FIELDS: readonly FixedField[] = [
  fixed('scoring_func', 'sqrtsoftplus'),
  fixed('topk_method', 'noaux_tc'),
  fixed('norm_topk_prob', true),
  fixed('gate_temp', 1),
  fixed('num_key_value_heads', 1),
  fixed('tie_word_embeddings', false),
];

const RELATIONS: readonly Relation[] = [
  PARTIAL_ROTATION,
  {
    fields: ['head_dim', 'index_head_dim'],
    requirement: `head_dim and index_head_dim must be multiples of ${CACHE_GROUP}, which share a scale`,
    holds: (c) => c.head_dim % CACHE_GROUP === 0 && c.index_head_dim % CACHE_GROUP === 0,
  },
  OUTPUT_GROUPS,
  ENOUGH_ROUTED_EXPERTS,
];

export const DEEPSEEK_V41_FIELDS: FamilyFields<DeepseekV41Config> = {
  architectures: ['DeepseekV41ForCausalLM'],
  schema: SCHEMA,
  fixedFields: FIXED_FIELDS,
  relations: RELATIONS,
};
