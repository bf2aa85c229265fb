/** Kinds of fields that configuration files share; the message of each schema is its requirement. */
import { z } from 'zod';
import { integer } from '../../schema/index.ts';

/** `true` or `false`. */
export const flag = z.boolean('true or false');

/** One past the largest token id that any vocabulary may have. */
export const MAX_VOCABULARY = 1e7;

const tokenId = integer(0, MAX_VOCABULARY - 1);

/** A token id or null. */
export const optionalTokenId = tokenId.nullish().transform((id) => id ?? null);

/** One token id, several, or null for none; always a list afterwards. */
export const tokenIds = z
  .union([tokenId, z.array(tokenId).max(1000), z.null()], 'a token id, a list of token ids or null')
  .transform((ids) => (ids === null ? [] : Array.isArray(ids) ? ids : [ids]));
