/** Files of the catalogue against their schemas. */
import type { z } from 'zod';
import { ChipError } from '../base/index.ts';

/** What a file is, where it lies, and what to do when it is wrong. */
export interface CatalogueFile {
  readonly what: string;
  readonly where: string;
  readonly hint?: string;
}

/** The validated value. Throws ChipError listing every problem. */
export function parseFile<T>(
  schema: z.ZodType<T>,
  value: unknown,
  { what, where, hint }: CatalogueFile,
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((i) => `${i.path.join('.') || '(root)'}: ${i.message}`);
  throw new ChipError(`${what} must follow the schema: ${problems.join('; ')}`, {
    where,
    ...(hint !== undefined && { hint }),
  });
}
