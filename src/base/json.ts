/**
 * JSON that came from outside: parsed within limits, and reported on.
 *
 * A wrong file is answered with everything that is wrong with it, each as
 * `field must be requirement, not value`; values are shown short, however large they are.
 */
import { FormatError } from './errors.ts';

/** A JSON object whose fields have not been checked. */
export type JsonRecord = Readonly<Record<string, unknown>>;

const MAX_PROBLEMS = 50;
const MAX_SHOWN = 60;

/** What to do about a file that is wrong, when nothing better is known. */
const CORRECT_IT = 'correct the file, or get it again';

/**
 * The most commas and opening brackets of one file, which bound the memory that its values take: half as
 * much again as in the largest tokenizer.json of the supported families.
 */
const MAX_VALUES = 1_500_000;

const [COMMA, BRACKET, BRACE] = [0x2c, 0x5b, 0x7b];

/** Parse UTF-8 bytes that must hold JSON. Throws FormatError naming `where`. */
export function parseJson(bytes: Uint8Array, where: string): unknown {
  requireFewValues(bytes, where);
  try {
    return JSON.parse(decodeUtf8(bytes, where));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FormatError(`content must be JSON: ${error.message}`, { where, hint: CORRECT_IT });
  }
}

/** Parse UTF-8 bytes that must hold one JSON object. Throws FormatError naming `where`. */
export function parseJsonRecord(bytes: Uint8Array, where: string): JsonRecord {
  const value = parseJson(bytes, where);
  if (isRecord(value)) return value;
  throw new FormatError(`content must be a JSON object, not ${show(value)}`, {
    where,
    hint: CORRECT_IT,
  });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Decode bytes that must be UTF-8. Throws FormatError naming `where`. */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new FormatError('content must be text in UTF-8, not other bytes', {
      where,
      hint: CORRECT_IT,
    });
  }
}

/** Tell whether a JSON value is an object. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** State what a field must be and what it is instead. */
export function problem(field: string, requirement: string, value: unknown): string {
  const found = value === undefined ? 'but it is absent' : `not ${show(value)}`;
  return `${field} must be ${requirement}, ${found}`;
}

/** Gather problems in one FormatError. */
export function problemsError(problems: readonly string[], where: string): FormatError {
  return new FormatError(listProblems(problems), { where, hint: CORRECT_IT });
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

/** There are no more values than commas and opening brackets, and one. */
function requireFewValues(bytes: Uint8Array, where: string): void {
  let count = 1;
  for (const byte of bytes) if (byte === COMMA || byte === BRACKET || byte === BRACE) count++;
  if (count <= MAX_VALUES) return;
  throw new FormatError(`content must have at most ${MAX_VALUES} values, not ${count}`, {
    where,
    hint: CORRECT_IT,
  });
}
