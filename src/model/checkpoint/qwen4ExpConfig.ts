/**
 * Configuration of Qwen3.8-Flash-Next [1]: the hybrid layers of Qwen3.5 with residual streams, sparse
 * attention and tables of n-grams.
 *
 * [1] transformers, models/qwen4_exp/configuration_qwen4_exp.py
 */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import { fixed } from './decoderFields.ts';
import type { Relation } from './decoderFields.ts';
import { ENOUGH_EXPERTS } from './expertFields.ts';
import type { FamilyFields } from './familyFields.ts';
import {
  complete,
  HYBRID_FIELDS,
  HYBRID_FIXED_FIELDS,
  HYBRID_RELATIONS,
  MOE_FIELDS,
  NO_DENSE_LAYERS,
} from './qwenHybridConfig.ts';

/** Rows of all parts of a table are counted in 32 bits with a sign. */
const MAX_ROWS = 2 ** 31;

const SCHEMA = complete(
  z
    .object({
      ...HYBRID_FIELDS,
      ...MOE_FIELDS,
      /** Attention with an indexer goes by either name. */
      layer_types: z
        .array(
          z
            .enum(['linear_attention', 'full_attention', 'indexed_attention'])
            .transform((type) => (type === 'indexed_attention' ? 'full_attention' : type)),
          'a list of "linear_attention", "full_attention" or "indexed_attention"',
        )
        .max(1000)
        .nullish(),
      output_gate_type: z
        .enum(['sigmoid', 'silu', 'swish'], '"sigmoid", "silu" or "swish"')
        .nullish()
        .transform((type): 'sigmoid' | 'silu' => (type === 'sigmoid' ? type : 'silu')),
      /** Residual streams, and the rank of the matrices that mix them. */
      hc_count: integer(2, 100).default(4),
      hc_lowrank: integer(1, 1e6).default(320),
      indexer_n_heads: integer(1, 1e4),
      indexer_head_dim: integer(2, 1e4),
      /** Tokens that a token attends to, of complete blocks. */
      indexer_budget: integer(1, 1e7),
      /** Tokens of a block. */
      indexer_compress_ratio: integer(1, 1e4),
      /** Layers before which n-grams are added, the first being 1. */
      ple_layer_ids: z.array(integer(1, 1000), 'a list of layers from 1').nullish(),
      ple_embed_dim: integer(1, 1e6).nullish(),
      ple_conv_kernel_size: integer(2, 100).default(4),
      ngram_size: integer(2, 16).default(3),
      heads_per_ngram: integer(1, 1000).default(8),
      ngram_vocab_size_base: integer(2, 1e9).default(20_000_000),
      make_ngram_vocab_size_divisible_by: integer(1, 1e6).default(128),
      seed: integer(0, Number.MAX_SAFE_INTEGER).default(1234),
      split_ngram_parts: integer(1, 1e5).default(512),
    })
    .refine(
      (c) => (c.ple_embed_dim ?? c.hidden_size) % ((c.ngram_size - 1) * c.heads_per_ngram) === 0,
      {
        path: ['ple_embed_dim'],
        error: 'a multiple of (ngram_size − 1) · heads_per_ngram',
      },
    )
    .refine((c) => (c.ple_layer_ids ?? []).every((layer) => layer <= c.num_hidden_layers), {
      path: ['ple_layer_ids'],
      error: 'a list of layers from 1 to num_hidden_layers',
    })
    .refine((c) => (c.ple_layer_ids ?? []).length === 0 || c.eos_token_id.length > 0, {
      path: ['eos_token_id'],
      error: 'a token id, because n-grams end at it',
    })
    .refine(
      (c) => 1.01 * c.ngram_vocab_size_base * (c.ngram_size - 1) * c.heads_per_ngram < MAX_ROWS,
      { path: ['ngram_vocab_size_base'], error: 'so small that a table has less than 2^31 rows' },
    ),
);

export type Qwen4ExpConfig = z.output<typeof SCHEMA>;

const RELATIONS: readonly Relation[] = [
  ...HYBRID_RELATIONS,
  ENOUGH_EXPERTS,
  {
    fields: ['indexer_budget', 'indexer_compress_ratio'],
    requirement: 'indexer_budget must be a multiple of indexer_compress_ratio',
    holds: (c) => c.indexer_budget % c.indexer_compress_ratio === 0,
  },
  {
    fields: ['indexer_head_dim', 'head_dim', 'partial_rotary_factor'],
    requirement: 'indexer_head_dim must be at least the rotated part of head_dim',
    holds: (c) => c.indexer_head_dim >= c.head_dim * c.partial_rotary_factor,
  },
];

export const QWEN4_EXP_FIELDS: FamilyFields<Qwen4ExpConfig> = {
  architectures: ['Qwen4ExpForCausalLM', 'Qwen4ExpForConditionalGeneration'],
  otherTypes: ['qwen3_8_flash_next'],
  schema: SCHEMA,
  fixedFields: [...HYBRID_FIXED_FIELDS, NO_DENSE_LAYERS, fixed('indexer_kv_heads', 1)],
  relations: RELATIONS,
};
