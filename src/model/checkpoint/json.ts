/**
 * JSON that came from outside: parsed, checked against a schema, and reported on.
 *
 * A wrong file is answered with everything that is wrong with it, each as
 * `field must be requirement, not value`; values are shown short, however large they are.
 */
import type { z } from 'zod';
import { FormatError } from '../../base/index.ts';

/** A JSON object whose fields have not been checked. */
export type JsonRecord = Readonly<Record<string, unknown>>;

const MAX_PROBLEMS = 50;
const MAX_SHOWN = 60;

/** Parse UTF-8 bytes that must hold one JSON object. Throws FormatError naming `where`. */
export function parseJsonRecord(bytes: Uint8Array, where: string): JsonRecord {
  const value = parseJson(bytes, where);
  if (isRecord(value)) return value;
  throw new FormatError(`content must be a JSON object, not ${show(value)}`, { where });
}

/** Tell whether a JSON value is an object. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
  for (const { path, message } of error.issues) {
    const field = path.map(String).join('.');
    problems.set(field, problem(field || 'content', message, valueAt(value, path)));
  }
  return [...problems.values()];
}

/** State what a field must be and what it is instead. */
export function problem(field: string, requirement: string, value: unknown): string {
  const found = value === undefined ? 'but it is absent' : `not ${show(value)}`;
  return `${field} must be ${requirement}, ${found}`;
}

/** Gather problems in one FormatError. */
export function problemsError(problems: readonly string[], where: string): FormatError {
  return new FormatError(listProblems(problems), { where });
}

/** Join problems, leaving out those beyond the first fifty. */
export function listProblems(problems: readonly string[]): string {
  const rest = problems.length - MAX_PROBLEMS;
  const shown = problems.slice(0, MAX_PROBLEMS).join('; ');
  return rest > 0 ? `${shown}; and ${rest} more` : shown;
}

/** Show a value in a message: short, and never by walking into it. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return showArray(value);
  if (isRecord(value)) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function showArray(values: readonly unknown[]): string {
  const flat = values.length <= 4 && !values.some((value) => typeof value === 'object');
  return flat ? `[${values.map(show).join(', ')}]` : `an array of ${values.length}`;
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'not UTF-8';
    throw new FormatError(`content must be JSON in UTF-8: ${reason}`, { where });
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], value);
}
