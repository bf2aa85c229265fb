/** Configuration of DeepSeek-V3.2 [1]. [1] https://huggingface.co/deepseek-ai/DeepSeek-V3.2/blob/main/config.json */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import {
  DEEPSEEK_V3_FIXED_FIELDS,
  DEEPSEEK_V3_RELATIONS,
  DEEPSEEK_V3_SCHEMA,
} from './deepseekV3Config.ts';
import type { FamilyFields } from './familyFields.ts';

/** Fields of DeepSeek-V3 and of the indexer, which has heads and keys of its own. */
const SCHEMA = z.object({
  ...DEEPSEEK_V3_SCHEMA.shape,
  index_head_dim: integer(2, 1e4),
  index_n_heads: integer(1, 1e4),
  index_topk: integer(1, 1e6),
});

/** A checked DeepSeek-V3.2 configuration. */
export type DeepseekV32Config = z.output<typeof SCHEMA>;

export const DEEPSEEK_V32_FIELDS: FamilyFields<DeepseekV32Config> = {
  architectures: ['DeepseekV32ForCausalLM'],
  schema: SCHEMA,
  fixedFields: DEEPSEEK_V3_FIXED_FIELDS,
  relations: [
    ...DEEPSEEK_V3_RELATIONS,
    {
      fields: ['qk_rope_head_dim', 'index_head_dim'],
      requirement:
        'qk_rope_head_dim must be below index_head_dim, of which it is the first channels',
      holds: (c) => c.qk_rope_head_dim < c.index_head_dim,
    },
  ],
};
