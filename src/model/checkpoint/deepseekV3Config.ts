/** Configuration of DeepSeek-V3, R1 and V3.1 [1]. [1] https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import { fixed } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import {
  COMPRESSED_QUERY,
  GROUP_FIELDS,
  GROUP_RELATIONS,
  LATENT_FIELDS,
  LATENT_FIXED_FIELDS,
  LATENT_RELATIONS,
  PAIRS_IN_GROUPS,
} from './deepseekFields.ts';
import type { FamilyFields } from './familyFields.ts';

/** Fields of config.json that DeepSeek-V3 needs; others are ignored. */
export const DEEPSEEK_V3_SCHEMA = z.object({
  ...LATENT_FIELDS,
  ...GROUP_FIELDS,
  q_lora_rank: integer(1, 1e6),
});

/** A checked DeepSeek-V3 configuration. The first `first_k_dense_replace` layers are dense, the others MoE. */
export type DeepseekV3Config = z.output<typeof DEEPSEEK_V3_SCHEMA>;

export const DEEPSEEK_V3_FIXED_FIELDS: readonly FixedField[] = [
  fixed('scoring_func', 'sigmoid'),
  fixed('topk_method', 'noaux_tc'),
  ...LATENT_FIXED_FIELDS,
  COMPRESSED_QUERY,
];

export const DEEPSEEK_V3_RELATIONS: readonly Relation[] = [
  ...LATENT_RELATIONS,
  PAIRS_IN_GROUPS,
  ...GROUP_RELATIONS,
];

export const DEEPSEEK_V3_FIELDS: FamilyFields<DeepseekV3Config> = {
  architectures: ['DeepseekV3ForCausalLM'],
  schema: DEEPSEEK_V3_SCHEMA,
  fixedFields: DEEPSEEK_V3_FIXED_FIELDS,
  relations: DEEPSEEK_V3_RELATIONS,
};
