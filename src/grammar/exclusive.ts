/** Whether schemas can be told apart: then one of them at least, and one of them exactly, are the same. */
import { isRecord, type JsonRecord } from '../base/index.ts';
import { typesOf } from './keywords.ts';

const MAX_DEPTH = 8;

/** Whether no value is valid under both; false where that is not plain to see. Schemas are checked already. */
export function areExclusive(
  one: unknown,
  other: unknown,
  resolve: (schema: JsonRecord) => unknown,
  depth = 0,
): boolean {
  if (one === false || other === false) return true;
  if (!isRecord(one) || !isRecord(other) || depth > MAX_DEPTH) return false;
  const exclusive = (a: unknown, b: unknown): boolean => areExclusive(a, b, resolve, depth + 1);
  if (Object.hasOwn(one, '$ref')) return exclusive(resolve(one), other);
  if (Object.hasOwn(other, '$ref')) return exclusive(one, resolve(other));
  for (const [a, b] of [
    [one, other],
    [other, one],
  ] as const) {
    const options = a['anyOf'] ?? a['oneOf'];
    if (Array.isArray(options)) return options.every((option) => exclusive(option, b));
  }
  const [values, otherValues] = [valuesOf(one), valuesOf(other)];
  if (values !== undefined && otherValues !== undefined) {
    return !values.some((value) => otherValues.includes(value));
  }
  return haveOtherTypes(one, other) || haveExclusiveProperty(one, other, exclusive);
}

/** The values that a schema lists, as JSON. */
function valuesOf(schema: JsonRecord): string[] | undefined {
  if (Object.hasOwn(schema, 'const')) return [JSON.stringify(schema['const'])];
  const { enum: listed } = schema;
  return Array.isArray(listed) ? listed.map((value) => JSON.stringify(value)) : undefined;
}

/** Types that are named: keywords of a type alone say nothing of values of other types. */
function haveOtherTypes(one: JsonRecord, other: JsonRecord): boolean {
  if (one['type'] === undefined || other['type'] === undefined) return false;
  const [types, otherTypes] = [one, other].map(
    (schema) => new Set(typesOf(schema, '')?.map((type) => (type === 'integer' ? 'number' : type))),
  );
  return types!.isDisjointFrom(otherTypes!);
}

/** A property that both require, and whose values tell them apart. */
function haveExclusiveProperty(
  one: JsonRecord,
  other: JsonRecord,
  exclusive: (a: unknown, b: unknown) => boolean,
): boolean {
  const isObject = ({ type }: JsonRecord): boolean => type === 'object' || type === undefined;
  const [properties, otherProperties] = [one['properties'], other['properties']];
  const [required, otherRequired] = [one['required'], other['required']];
  if (!isObject(one) || !isObject(other)) return false;
  if (!isRecord(properties) || !isRecord(otherProperties)) return false;
  if (!Array.isArray(required) || !Array.isArray(otherRequired)) return false;
  return required.some(
    (name) =>
      otherRequired.includes(name) &&
      Object.hasOwn(properties, name) &&
      Object.hasOwn(otherProperties, name) &&
      exclusive(properties[name], otherProperties[name]),
  );
}
