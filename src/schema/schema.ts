/** JSON from outside held to a schema: everything that is wrong is said at once, as `field must be requirement, not value`. */
import { z } from 'zod';
import { problem, problemsError, show } from '../base/index.ts';

/** The schema of an integer within bounds, both included; its message is the requirement. */
export function integer(least: number, most: number) {
  const requirement = `an integer from ${least} to ${most}`;
  return z.int(requirement).min(least, requirement).max(most, requirement);
}

/** The schema of a number within bounds, both included; its message is the requirement. */
export function number(least: number, most: number) {
  const requirement = `a number from ${least} to ${most}`;
  return z.number(requirement).min(least, requirement).max(most, requirement);
}

/** Return what the schema makes of `value`; throws FormatError with all problems. */
export function requireSchema<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw problemsError(schemaProblems(result.error, value), where);
}

/** One sentence for each field that broke its schema; the schema's messages are the requirements. */
export function schemaProblems(error: z.ZodError, value: unknown): string[] {
  const problems = new Map<string, string>();
  for (const issue of error.issues) {
    const field = issue.path.map(String).join('.') || 'content';
    const sentence =
      issue.code === 'unrecognized_keys'
        ? `${field} must have known fields only, not ${show(issue.keys)}`
        : problem(field, issue.message, valueAt(value, issue.path));
    problems.set(field, sentence);
  }
  return [...problems.values()];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], value);
}
