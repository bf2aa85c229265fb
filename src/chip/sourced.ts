/** Facts with their sources: what every row of the catalogue's lists carries. */
import { z } from 'zod';
import { CONFIDENCES } from './accelerator.ts';

export const text = z.string().min(1);
export const textOrNull = text.nullable();

/** Where a fact was read. A day may be a year or a month; none is known where it is null. */
export const sourceSchema = z.strictObject({
  what: text,
  url: z.url().nullable(),
  day: z
    .string()
    .regex(/^\d{4}(-\d{2}(-\d{2})?)?$/)
    .nullable(),
  retrieved: z.iso.date(),
  /** none: from memory of it. */
  read: z.enum(['full', 'excerpt', 'none']),
});
export type Source = z.infer<typeof sourceSchema>;

export const sourcesSchema = z.record(z.string().regex(/^[a-z0-9-]+$/), sourceSchema);

/** Fields of a row: a key of the file's `sources`, and how sure it is. */
export const SOURCED = { source: text, confidence: z.enum(CONFIDENCES) };

/**
 * What is wrong with the sources of a file: numbers outside of any object with a `source`, names of
 * sources that are not there, and sources that nothing names. A source may also be given in place.
 */
export function sourceProblems(file: unknown): string[] {
  const named = (file as { sources?: Record<string, unknown> }).sources ?? {};
  const used = new Set<string>();
  const problems: string[] = [];
  const visit = (value: unknown, path: string, sourced: boolean): void => {
    if (typeof value === 'number' && !sourced) problems.push(`${path}: ${value} has no source`);
    if (typeof value !== 'object' || value === null) return;
    const { source } = value as { source?: unknown };
    if (typeof source === 'string') {
      used.add(source);
      if (!Object.hasOwn(named, source)) problems.push(`${path}: there is no source ${source}`);
    }
    for (const [key, part] of Object.entries(value))
      visit(part, path === '' ? key : `${path}.${key}`, sourced || source !== undefined);
  };
  visit({ ...(file as object), sources: undefined }, '', false);
  const idle = Object.keys(named).filter((key) => !used.has(key));
  return [...problems, ...idle.map((key) => `sources.${key}: nothing names it`)];
}
