// Random schemas, random choices: what comes out must be JSON that is valid under the schema, as judged
// by a checker that shares nothing with the grammar.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { Grammar, type GrammarConstraint } from './constraint.ts';
import { Vocabulary } from './vocabulary.ts';

type Schema = Record<string, unknown> | boolean;
type Fields = Record<string, unknown>;

const WORDS = [
  '{"',
  '":',
  '": ',
  '",',
  '", "',
  '"}',
  '},{',
  '}]',
  '],',
  '\n  ',
  'true',
  'null',
  'na',
];
const MORE = ['name', 'é', '中文', '12', '-1', '.5', '😀', '\\u00', '"]}', '{}', '[]', ' ', 'age"'];
const TOKENS = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...[...WORDS, ...MORE].map((word) => new TextEncoder().encode(word)),
];
const END = TOKENS.length;
const VOCABULARY = new Vocabulary([...TOKENS, undefined]);
/** What brings a text to its end soonest. */
const CLOSING = [END, 0x22, 0x5d, 0x7d, 0x2c, 0x3a, 0x30].entries().toArray();

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.int(list.length)]!;
}

function randomSchema(random: Random, depth: number): Schema {
  const deeper = (): Schema => randomSchema(random, depth - 1);
  const kinds = ['string', 'integer', 'number', 'enum', 'types', 'bounds'];
  if (depth > 0) kinds.push('object', 'object', 'array', 'tuple', 'anyOf', 'open', 'ref');
  const least = random.int(3);
  switch (pick(random, kinds)) {
    case 'string':
      return { type: 'string', minLength: least, maxLength: least + random.int(5) };
    case 'integer':
      return { type: 'integer' };
    case 'bounds': {
      const minimum = random.int(4000) - 2000;
      return { type: 'integer', minimum, exclusiveMaximum: minimum + 1 + random.int(3000) };
    }
    case 'number':
      return { type: 'number' };
    case 'enum':
      return { enum: ['na', 'naïve', 7, null, { a: [1] }].slice(random.int(5)) };
    case 'types':
      return { type: ['boolean', 'null'] };
    case 'object': {
      const names = ['name', 'na', 'é', 'x"y', 'age'].slice(random.int(5));
      const properties = Object.fromEntries(names.map((name) => [name, deeper()]));
      const required = names.filter(() => random.int(2) === 0);
      return {
        type: 'object',
        properties,
        required,
        additionalProperties: pick(random, [false, deeper()]),
      };
    }
    case 'open':
      return { type: 'object', additionalProperties: deeper() };
    case 'array':
      return { type: 'array', items: deeper(), minItems: least, maxItems: least + random.int(3) };
    case 'tuple':
      return { type: 'array', prefixItems: [deeper(), deeper()], items: false, minItems: 1 };
    case 'ref':
      return { $ref: '#/$defs/tree' };
    default:
      return { anyOf: [deeper(), deeper()] };
  }
}

const TREE = {
  type: 'object',
  properties: {
    value: { type: 'integer' },
    next: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/tree' }] },
  },
  required: ['value', 'next'],
};

/** Whether a value is valid, by the words of the specification. */
function isValid(schema: Schema, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  const valid = (part: unknown, of: unknown): boolean => isValid(part as Schema, of);
  if (schema['$ref'] !== undefined) return valid(TREE, value);
  const same = (one: unknown): boolean => JSON.stringify(one) === JSON.stringify(value);
  if (Array.isArray(schema['enum'])) return schema['enum'].some(same);
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].some((part) => valid(part, value));
  const types = [schema['type']].flat();
  if (!types.some((type) => hasType(type, value))) return false;
  if (typeof value === 'string') return within([...value].length, schema, 'Length');
  if (typeof value === 'number') {
    const { minimum = -Infinity, exclusiveMaximum = Infinity } = schema;
    return value >= (minimum as number) && value < (exclusiveMaximum as number);
  }
  if (Array.isArray(value)) {
    const prefix = (schema['prefixItems'] ?? []) as Schema[];
    const items = value.every((item, i) => valid(prefix[i] ?? schema['items'] ?? true, item));
    return items && within(value.length, schema, 'Items');
  }
  if (typeof value !== 'object' || value === null) return true;
  const { properties = {}, required = [], additionalProperties = true } = schema as Fields;
  const named = properties as Record<string, Schema>;
  return (
    (required as string[]).every((name) => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, each]) =>
      valid(Object.hasOwn(named, name) ? named[name] : additionalProperties, each),
    )
  );
}

function hasType(type: unknown, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function within(count: number, schema: Fields, what: string): boolean {
  const { [`min${what}`]: least = 0, [`max${what}`]: most = Infinity } = schema;
  return count >= (least as number) && count <= (most as number);
}

/** Chooses at random among what is allowed, and after some tokens what ends the text soonest. */
function write(constraint: GrammarConstraint, random: Random): string {
  const bytes: number[] = [];
  for (let count = 0; count < 5000; count++) {
    const allowed = new Uint8Array(END + 1).fill(1);
    constraint.restrict(allowed);
    const tokens = [...allowed.keys()].filter((token) => allowed[token] === 1);
    assert.ok(tokens.length > 0, 'no token is allowed');
    const closing = CLOSING.find(([, token]) => allowed[token] === 1)?.[1];
    const token = count > 150 && closing !== undefined ? closing : pick(random, tokens);
    constraint.accept(token);
    if (token === END)
      return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
    bytes.push(...TOKENS[token]!);
  }
  throw new Error('the text has no end');
}

test('whatever is chosen, the text is valid under the schema', () => {
  const random = new Random(20);
  for (let round = 0; round < 150; round++) {
    const inner = randomSchema(random, 3);
    const schema = { anyOf: [inner], $defs: { tree: TREE } };
    const text = write(Grammar.ofSchema(schema).constrain(VOCABULARY, [END]), random);
    assert.ok(isValid(inner, JSON.parse(text)), `${JSON.stringify(inner)}\n${text}`);
  }
});

test('any JSON is JSON', () => {
  const random = new Random(21);
  const grammar = Grammar.ofSchema(true);
  for (let round = 0; round < 60; round++) {
    JSON.parse(write(grammar.constrain(VOCABULARY, [END]), random));
  }
});
