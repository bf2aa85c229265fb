/**
 * The models that the cpu is measured on: shapes of published ones, or small ones of the same kind.
 *
 * Weights are random, so only shapes matter. `changes` to a published configuration make it small.
 */
import type { JsonRecord } from '../../src/base/index.ts';

export interface Shape {
  /** A name of catalogue/models. */
  readonly published: string;
  readonly changes?: JsonRecord;
  /** In GGUF. */
  readonly architecture: 'qwen3' | 'qwen35' | 'qwen3moe' | 'deepseek2';
}

export const SHAPES = {
  'qwen3-0.6b': { published: 'qwen3-0.6b', architecture: 'qwen3' },
  'qwen3-4b': { published: 'qwen3-4b', architecture: 'qwen3' },
  'qwen3.5-0.8b': {
    published: 'qwen3.5-0.8b',
    architecture: 'qwen35',
    changes: { mtp_num_hidden_layers: 0 },
  },
  'moe-1b': {
    published: 'qwen3-30b-a3b',
    architecture: 'qwen3moe',
    changes: {
      hidden_size: 1024,
      num_attention_heads: 16,
      num_hidden_layers: 8,
      num_experts: 64,
      moe_intermediate_size: 512,
    },
  },
  'mla-1b': {
    published: 'deepseek-v3',
    architecture: 'deepseek2',
    changes: {
      hidden_size: 1024,
      intermediate_size: 4096,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      num_hidden_layers: 8,
      first_k_dense_replace: 1,
      n_routed_experts: 64,
      moe_intermediate_size: 512,
      n_group: 1,
      topk_group: 1,
      q_lora_rank: 768,
      num_nextn_predict_layers: 0,
      vocab_size: 151936,
    },
  },
} as const satisfies Readonly<Record<string, Shape>>;

export type ShapeName = keyof typeof SHAPES;
