/** Configuration of Qwen2.5 and of DeepSeek-R1-Distill-Qwen [1]. [1] https://huggingface.co/Qwen/Qwen2.5-7B/blob/main/config.json */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import { FULL_ATTENTION, GROUPED_QUERIES } from './attentionFields.ts';
import { DECODER_FIELDS } from './decoderFields.ts';
import type { FamilyFields } from './familyFields.ts';

/** Fields of config.json that Qwen2 needs; others are ignored. */
const SCHEMA = z
  .object({ ...DECODER_FIELDS, head_dim: integer(2, 1e4).optional() })
  .transform(({ head_dim, ...config }) => ({
    ...config,
    head_dim: head_dim ?? config.hidden_size / config.num_attention_heads,
  }));

/** A checked Qwen2 configuration. `head_dim` is even. */
export type Qwen2Config = z.output<typeof SCHEMA>;

export const QWEN2_FIELDS: FamilyFields<Qwen2Config> = {
  architectures: ['Qwen2ForCausalLM'],
  schema: SCHEMA,
  fixedFields: [FULL_ATTENTION],
  relations: [
    GROUPED_QUERIES,
    {
      fields: ['hidden_size', 'num_attention_heads'],
      requirement: 'hidden_size must be heads of an even number of channels',
      holds: (c) => c.hidden_size % (2 * c.num_attention_heads) === 0,
    },
  ],
};
