/** Configuration of the dense Qwen3 models [1]. [1] https://huggingface.co/Qwen/Qwen3-0.6B/blob/main/config.json */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';
import { EVEN_HEADS, FULL_ATTENTION, GROUPED_QUERIES } from './attentionFields.ts';
import { DECODER_FIELDS } from './decoderFields.ts';
import type { FamilyFields } from './familyFields.ts';

/** Fields of config.json that Qwen3 needs; others are ignored. */
const SCHEMA = z.object({ ...DECODER_FIELDS, head_dim: integer(2, 1e4) });

/** A checked Qwen3 configuration. `head_dim` · heads need not be `hidden_size`. */
export type Qwen3Config = z.output<typeof SCHEMA>;

export const QWEN3_FIELDS: FamilyFields<Qwen3Config> = {
  architectures: ['Qwen3ForCausalLM'],
  schema: SCHEMA,
  fixedFields: [FULL_ATTENTION],
  relations: [GROUPED_QUERIES, EVEN_HEADS],
};
