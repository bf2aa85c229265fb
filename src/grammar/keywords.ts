/** Which keywords of JSON Schema [1] are understood, and where; all others are refused by name.
 *
 * [1] https://json-schema.org/draft/2020-12/json-schema-validation
 */
import { isRecord, show, UnsupportedError, UsageError, type JsonRecord } from '../base/index.ts';

export type TypeName = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';

/** Keywords that say what values of a type are like; they do not concern other types. */
export const KEYWORDS_BY_TYPE: Readonly<Record<TypeName, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  null: [],
};

/** Keywords that allow or forbid nothing. */
const ANNOTATIONS = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['discriminator', '$schema', '$id', '$comment', '$defs', 'definitions'],
]);

/** Keywords that say all there is to say: beside them, only these may stand. */
const ALONE: Readonly<Record<string, readonly string[]>> = {
  $ref: [],
  anyOf: [],
  oneOf: [],
  allOf: [],
  enum: ['type'],
  const: ['type'],
};

/** Keywords whose absence from the tables has a way around. */
const INSTEAD: Readonly<Record<string, string>> = {
  nullable: 'use type: ["…", "null"]',
  dependencies: 'use anyOf',
};

/** A schema that is an object, with all its keywords understood. */
export function requireKeywords(schema: unknown, where: string): JsonRecord {
  if (!isRecord(schema)) {
    throw new UsageError(`a schema must be an object, true or false, not ${show(schema)}`, {
      where,
    });
  }
  const given = Object.keys(schema).filter((keyword) => !ANNOTATIONS.has(keyword));
  const alone = Object.keys(ALONE).find((keyword) => given.includes(keyword));
  const known =
    alone === undefined
      ? ['type', ...Object.keys(ALONE), ...new Set(Object.values(KEYWORDS_BY_TYPE).flat())]
      : [alone, ...ALONE[alone]!];
  const unknown = given.filter((keyword) => !known.includes(keyword));
  if (unknown.length === 0) return schema;
  const beside = alone === undefined ? '' : ` beside ${alone}`;
  const hints = unknown.flatMap((keyword) => INSTEAD[keyword] ?? []);
  throw new UnsupportedError(
    `keywords of a schema must be among ${known.join(', ')}${beside}, not ${unknown.map((keyword) => show(keyword)).join(', ')}`,
    { where, hint: hints[0] ?? 'leave it out, and check the answer yourself' },
  );
}

/** The types that a schema allows: those it names, else the one its keywords are for; undefined for any. */
export function typesOf(schema: JsonRecord, where: string): TypeName[] | undefined {
  const { type } = schema;
  if (type === undefined) {
    const implied = Object.entries(KEYWORDS_BY_TYPE).find(([, keywords]) =>
      keywords.some((keyword) => Object.hasOwn(schema, keyword)),
    );
    if (implied === undefined) return undefined;
    return [implied[0] === 'integer' ? 'number' : (implied[0] as TypeName)];
  }
  const types: unknown[] = Array.isArray(type) ? type : [type];
  const wrong = types.find(
    (name) => typeof name !== 'string' || !Object.hasOwn(KEYWORDS_BY_TYPE, name),
  );
  if (wrong === undefined && types.length > 0) return types as TypeName[];
  throw new UsageError(
    `type must be one or some of ${Object.keys(KEYWORDS_BY_TYPE).join(', ')}, not ${show(type)}`,
    { where },
  );
}
