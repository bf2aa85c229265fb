/** What configurations with grouped-query attention must hold, whatever the family. */
import type { FixedField, Relation } from './decoderFields.ts';

/** Layers that see only a window of the context are not supported. */
export const FULL_ATTENTION: FixedField = {
  field: 'layer_types',
  requirement: '"full_attention" in every layer',
  holds: (types) =>
    !Array.isArray(types) || types.every((type: unknown) => type === 'full_attention'),
};

export const GROUPED_QUERIES: Relation = {
  fields: ['num_attention_heads', 'num_key_value_heads'],
  requirement: 'num_attention_heads must be a multiple of num_key_value_heads',
  holds: (c) => c.num_attention_heads % c.num_key_value_heads === 0,
};

export const EVEN_HEADS: Relation = {
  fields: ['head_dim'],
  requirement: 'head_dim must be even, because rotation works on pairs',
  holds: (c) => c.head_dim % 2 === 0,
};
