/** What the configurations of all families share: fields, bounds, and what must not be asked for. */
import { problem } from '../../base/index.ts';
import { integer, number } from '../../schema/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { flag, MAX_VOCABULARY, optionalTokenId, tokenIds } from './fields.ts';
import { quantizationProblems } from './quantization.ts';
import { ropeProblems, YARN } from './rope.ts';

/** Fields of a decoder-only transformer, named as on the Hugging Face hub. */
export const DECODER_FIELDS = {
  hidden_size: integer(1, 1e6),
  intermediate_size: integer(1, 1e7),
  num_hidden_layers: integer(1, 1000),
  num_attention_heads: integer(1, 1e4),
  num_key_value_heads: integer(1, 1e4),
  max_position_embeddings: integer(1, 1e9),
  vocab_size: integer(1, MAX_VOCABULARY),
  rms_norm_eps: number(1e-30, 1),
  rope_theta: number(1, 1e12),
  rope_scaling: YARN.nullable(),
  tie_word_embeddings: flag.default(false),
  bos_token_id: optionalTokenId,
  eos_token_id: tokenIds.optional().transform((ids) => ids ?? []),
};

/** A field that must have one value, or be absent if that is the value meant then. */
export interface FixedField {
  readonly field: string;
  readonly requirement: string;
  readonly holds: (value: unknown) => boolean;
}

/** A relation between number fields. */
export interface Relation {
  readonly fields: readonly string[];
  readonly requirement: string;
  readonly holds: (numbers: Readonly<Record<string, number>>) => boolean;
}

/** A field that must be `value`; absent and null are the same as `value`. */
export function fixed(field: string, value: unknown): FixedField {
  return {
    field,
    requirement: JSON.stringify(value),
    holds: (given) => given === undefined || given === null || given === value,
  };
}

const FIXED_FIELDS: readonly FixedField[] = [
  fixed('attention_bias', false),
  fixed('hidden_act', 'silu'),
  fixed('use_sliding_window', false),
];

/** What the configuration asks for that Celadon cannot do. */
export function unsupportedFeatures(config: JsonRecord, fields: readonly FixedField[]): string[] {
  const broken = [...FIXED_FIELDS, ...fields].filter(({ field, holds }) => !holds(config[field]));
  return [
    ...broken.map(({ field, requirement }) => problem(field, requirement, config[field])),
    ...ropeProblems(config),
    ...quantizationProblems(config['quantization_config']),
  ];
}

/** The relations that do not hold; one whose fields are not all numbers is left to the schema. */
export function brokenRelations(config: JsonRecord, relations: readonly Relation[]): string[] {
  return relations.flatMap(({ fields, requirement, holds }) => {
    const known = fields.every((field) => typeof config[field] === 'number');
    if (!known || holds(config as Record<string, number>)) return [];
    return [
      `${requirement}, not ${fields.map((field) => `${field} ${config[field]}`).join(' and ')}`,
    ];
  });
}
