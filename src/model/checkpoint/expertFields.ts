/** Fields of the Qwen models with routed experts. */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import type { Relation } from './decoderFields.ts';

export const EXPERT_FIELDS = {
  num_experts: integer(2, 1e5),
  num_experts_per_tok: integer(1, 1e5),
  moe_intermediate_size: integer(1, 1e7),
};

/** Which layers have experts, when not all have. */
export const SPARSE_LAYER_FIELDS = {
  decoder_sparse_step: integer(1, 1000).default(1),
  mlp_only_layers: z.array(integer(0, 1000), 'a list of layers').default([]),
};

/** The configuration with `num_experts`, which transformers 5 may write as `num_local_experts`. */
export function withExpertCount(config: JsonRecord): JsonRecord {
  const { num_local_experts: local } = config;
  return local === undefined ? config : { num_experts: local, ...config };
}

export const ENOUGH_EXPERTS: Relation = {
  fields: ['num_experts_per_tok', 'num_experts'],
  requirement: 'num_experts_per_tok must be at most num_experts',
  holds: (c) => c.num_experts_per_tok <= c.num_experts,
};

interface SparseLayers {
  readonly decoder_sparse_step: number;
  readonly mlp_only_layers: readonly number[];
}

/** Whether a layer has routed experts rather than a dense feed-forward. */
export function hasExperts(
  { decoder_sparse_step: step, mlp_only_layers: dense }: SparseLayers,
  layer: number,
): boolean {
  return !dense.includes(layer) && (layer + 1) % step === 0;
}
