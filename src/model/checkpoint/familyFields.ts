/** What a family asks of a config.json. */
import type { z } from 'zod';
import type { FixedField, Relation } from './decoderFields.ts';

export interface FamilyFields<T> {
  /** Of `architectures` in config.json. */
  readonly architectures: readonly string[];
  /** Further values of `model_type`, with which the architecture may go by any name. */
  readonly otherTypes?: readonly string[];
  /** The fields that the family needs; others are ignored. */
  readonly schema: z.ZodType<T>;
  readonly fixedFields: readonly FixedField[];
  readonly relations: readonly Relation[];
}
