/** Configuration of Qwen3 with routed experts [1]. [1] https://huggingface.co/Qwen/Qwen3-30B-A3B/blob/main/config.json */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import { EVEN_HEADS, FULL_ATTENTION, GROUPED_QUERIES } from './attentionFields.ts';
import { DECODER_FIELDS } from './decoderFields.ts';
import { ENOUGH_EXPERTS, EXPERT_FIELDS, SPARSE_LAYER_FIELDS } from './expertFields.ts';
import type { FamilyFields } from './familyFields.ts';
import { flag } from './fields.ts';

/** Fields of config.json that Qwen3 with experts needs; others are ignored. */
const SCHEMA = z.object({
  ...DECODER_FIELDS,
  ...EXPERT_FIELDS,
  ...SPARSE_LAYER_FIELDS,
  head_dim: integer(2, 1e4),
  norm_topk_prob: flag.default(false),
});

/** A checked configuration. */
export type Qwen3MoeConfig = z.output<typeof SCHEMA>;

export const QWEN3_MOE_FIELDS: FamilyFields<Qwen3MoeConfig> = {
  architectures: ['Qwen3MoeForCausalLM'],
  schema: SCHEMA,
  fixedFields: [FULL_ATTENTION],
  relations: [GROUPED_QUERIES, EVEN_HEADS, ENOUGH_EXPERTS],
};
