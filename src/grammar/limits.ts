/** Limits and references of a schema, checked. */
import {
  CapacityError,
  isRecord,
  show,
  UnsupportedError,
  UsageError,
  type JsonRecord,
} from '../base/index.ts';
import type { Interval } from './decimalRange.ts';
import { FORMATS } from './formats.ts';
import { LARGEST } from './integerRange.ts';
import { MAX_STATES } from './network.ts';

/** The least and the most of a length or count; without end when the most is absent. */
export function countsOf(
  schema: JsonRecord,
  leastKeyword: string,
  mostKeyword: string,
  where: string,
): [least: number, most: number | undefined] {
  const least = countOf(schema, leastKeyword, where) ?? 0;
  const most = countOf(schema, mostKeyword, where);
  if (most === undefined || most >= least) return [least, most];
  throw new UsageError(`${mostKeyword} must be at least ${leastKeyword}, ${least}, not ${most}`, {
    where,
  });
}

function countOf(schema: JsonRecord, keyword: string, where: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value > MAX_STATES) {
    throw new CapacityError(`${keyword} must be at most ${MAX_STATES}, not ${value}`, { where });
  }
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(`${keyword} must be a whole number from 0, not ${show(value)}`, { where });
}

/** The regular expression of a string's `pattern` or `format`, neither of which stands beside a length. */
export function expressionOf(schema: JsonRecord, where: string): string | undefined {
  const given = ['pattern', 'format', 'minLength', 'maxLength'].filter((keyword) =>
    Object.hasOwn(schema, keyword),
  );
  const { pattern, format } = schema;
  if (pattern === undefined && format === undefined) return undefined;
  if (given.length > 1) {
    throw new UnsupportedError(`${given[0]} must stand without ${given.slice(1).join(', ')}`, {
      where,
      hint: 'say the length in the pattern, as in ^[a-z]{1,8}$',
    });
  }
  if (typeof pattern === 'string') return pattern;
  if (pattern !== undefined) {
    throw new UsageError(`pattern must be a regular expression, not ${show(pattern)}`, { where });
  }
  if (typeof format === 'string' && Object.hasOwn(FORMATS, format)) return FORMATS[format];
  throw new UnsupportedError(
    `format must be one of ${Object.keys(FORMATS).join(', ')}, not ${show(format)}`,
    { where, hint: 'leave it out, and check the answer yourself' },
  );
}

const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;

function boundOf(
  schema: JsonRecord,
  keyword: (typeof BOUNDS)[number],
  where: string,
): number | undefined {
  const value = schema[keyword];
  if (value === undefined || typeof value === 'number') return value;
  throw new UsageError(`${keyword} must be a number, not ${show(value)}`, { where });
}

/** The least and the most integer that a schema allows, within what is written at all. */
export function integerBounds(schema: JsonRecord, where: string): [least: number, most: number] {
  const bound = (keyword: (typeof BOUNDS)[number], otherwise: number): number =>
    boundOf(schema, keyword, where) ?? otherwise;
  const least = Math.max(
    Math.ceil(bound('minimum', -LARGEST)),
    Math.floor(bound('exclusiveMinimum', -Infinity)) + 1,
  );
  const most = Math.min(
    Math.floor(bound('maximum', LARGEST)),
    Math.ceil(bound('exclusiveMaximum', Infinity)) - 1,
  );
  return [Math.max(least, -LARGEST), Math.min(most, LARGEST)];
}

/** The interval of a number with bounds; undefined when there are none. Throws UnsupportedError for bounds with a fraction. */
export function numberBounds(schema: JsonRecord, where: string): Interval | undefined {
  const given = BOUNDS.filter((keyword) => Object.hasOwn(schema, keyword));
  if (given.length === 0) return undefined;
  const broken = given.find((keyword) => !Number.isInteger(boundOf(schema, keyword, where)));
  if (broken !== undefined) {
    throw new UnsupportedError(`${broken} must be a whole number, not ${show(schema[broken])}`, {
      where,
      hint: 'use a whole bound, and check the answer yourself',
    });
  }
  const bound = (keyword: (typeof BOUNDS)[number], otherwise: number): number =>
    boundOf(schema, keyword, where) ?? otherwise;
  const [minimum, above] = [bound('minimum', -LARGEST), bound('exclusiveMinimum', -Infinity)];
  const [maximum, below] = [bound('maximum', LARGEST), bound('exclusiveMaximum', Infinity)];
  return {
    least: Math.max(minimum, above, -LARGEST),
    most: Math.min(maximum, below, LARGEST),
    leastOpen: above >= minimum,
    mostOpen: below <= maximum,
  };
}

/** What a reference within a schema points to [1]. Throws UsageError when there is nothing.
 *
 * [1] https://www.rfc-editor.org/rfc/rfc6901 */
export function pointedTo(schema: unknown, reference: string, where: string): unknown {
  let at: unknown = schema;
  for (const part of reference.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const inside = isRecord(at) || Array.isArray(at);
    if (!inside || !Object.hasOwn(at as object, key)) {
      throw new UsageError(`$ref must point to a part of the schema, not to ${show(reference)}`, {
        where,
        hint: 'define it in $defs',
      });
    }
    at = (at as JsonRecord)[key];
  }
  return at;
}
