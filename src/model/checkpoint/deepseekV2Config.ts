/**
 * Configuration of DeepSeek-V2 and V2-Lite [1, 2].
 *
 * [1] https://huggingface.co/deepseek-ai/DeepSeek-V2/blob/main/config.json
 * [2] https://huggingface.co/deepseek-ai/DeepSeek-V2-Lite/blob/main/config.json
 */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import { fixed } from './decoderFields.ts';
import {
  GROUP_RELATIONS,
  LATENT_FIELDS,
  LATENT_FIXED_FIELDS,
  LATENT_RELATIONS,
} from './deepseekFields.ts';
import type { FamilyFields } from './familyFields.ts';

/** null counts as 1: no groups. */
const groups = integer(1, 1e5)
  .nullish()
  .transform((count) => count ?? 1);

const SCHEMA = z.object({
  ...LATENT_FIELDS,
  /** null: queries are projected from the hidden state without compression (V2-Lite). */
  q_lora_rank: integer(1, 1e6).nullable(),
  topk_method: z.enum(['greedy', 'group_limited_greedy'], '"greedy" or "group_limited_greedy"'),
  n_group: groups,
  topk_group: groups,
});

/** A checked DeepSeek-V2 configuration; groups count only where `topk_method` is limited to them. */
export type DeepseekV2Config = z.output<typeof SCHEMA>;

export const DEEPSEEK_V2_FIELDS: FamilyFields<DeepseekV2Config> = {
  architectures: ['DeepseekV2ForCausalLM'],
  schema: SCHEMA,
  fixedFields: [
    fixed('scoring_func', 'softmax'),
    fixed('norm_topk_prob', false),
    ...LATENT_FIXED_FIELDS,
  ],
  relations: [
    ...LATENT_RELATIONS,
    {
      fields: ['n_routed_experts', 'n_group'],
      requirement: 'n_routed_experts must be a multiple of n_group',
      holds: (c) => c.n_routed_experts % c.n_group === 0,
    },
    ...GROUP_RELATIONS,
  ],
};
