/** Configuration of the dense Qwen3 models [1]. [1] https://huggingface.co/Qwen/Qwen3-0.6B/blob/main/config.json */
import { z } from 'zod';
import { integer } from '../../base/index.ts';
import { DECODER_FIELDS } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import type { FamilyFields } from './familyFields.ts';

/** Fields of config.json that Qwen3 needs; others are ignored. */
const SCHEMA = z.object({ ...DECODER_FIELDS, head_dim: integer(2, 1e4) });

/** A checked Qwen3 configuration. `head_dim` · heads need not be `hidden_size`. */
export type Qwen3Config = z.output<typeof SCHEMA>;

const FIXED_FIELDS: readonly FixedField[] = [
  {
    field: 'layer_types',
    requirement: '"full_attention" in every layer',
    holds: (types) =>
      !Array.isArray(types) || types.every((type: unknown) => type === 'full_attention'),
  },
];

const RELATIONS: readonly Relation[] = [
  {
    fields: ['num_attention_heads', 'num_key_value_heads'],
    requirement: 'num_attention_heads must be a multiple of num_key_value_heads',
    holds: (c) => c.num_attention_heads % c.num_key_value_heads === 0,
  },
  {
    fields: ['head_dim'],
    requirement: 'head_dim must be even, because rotation works on pairs',
    holds: (c) => c.head_dim % 2 === 0,
  },
];

export const QWEN3_FIELDS: FamilyFields<Qwen3Config> = {
  architectures: ['Qwen3ForCausalLM'],
  schema: SCHEMA,
  fixedFields: FIXED_FIELDS,
  relations: RELATIONS,
};
