/**
 * JSON Schema as a network: every text the network allows is JSON that is valid under the schema. It may
 * allow less: properties come in the order of the schema, and others only where `additionalProperties`
 * asks for them; names of those have no escapes; numbers have at most 15 digits on each side.
 */
import { isRecord, show, UnsupportedError, UsageError, type JsonRecord } from '../base/index.ts';
import { decimalsBetween } from './decimalRange.ts';
import { areExclusive } from './exclusive.ts';
import { integersBetween } from './integerRange.ts';
import { characterInString, JsonText, type Member } from './jsonText.ts';
import { requireKeywords, typesOf, type TypeName } from './keywords.ts';
import { countsOf, expressionOf, integerBounds, numberBounds, pointedTo } from './limits.ts';
import { call, Network, oneOf, sequence, text, type Piece } from './network.ts';
import { otherName } from './otherNames.ts';
import { regularExpression } from './regularExpression.ts';

const MAX_NESTING = 64;

/** A schema within a schema: how deep, and where. */
interface Site {
  readonly where: string;
  readonly depth: number;
}

/**
 * The network of a parsed schema, and its root rule. Throws UnsupportedError for keywords beyond those in
 * `keywords.ts`, UsageError for what is no schema, CapacityError for one that is too large.
 */
export function networkOfSchema(schema: unknown): { network: Network; root: number } {
  const network = new Network();
  return { network, root: new JsonWriter(schema, network).whole() };
}

/** Writes rules of JSON by a schema, and by parts of it, into a network. */
export class JsonWriter {
  readonly #network: Network;
  readonly #json: JsonText;
  readonly #schema: unknown;
  /** Rules of references, by what is referred to; bodies are written after all that is around them. */
  readonly #rules = new Map<string, number>();
  readonly #unwritten: { rule: number; schema: unknown; where: string }[] = [];

  /** References are to places in `schema`. */
  constructor(schema: unknown, network: Network) {
    this.#schema = schema;
    this.#network = network;
    this.#json = new JsonText(network);
  }

  /** The rule of the whole schema. */
  whole(): number {
    const rule = this.#ruleOf('#', { where: 'the schema', depth: 0 });
    this.#writeBodies();
    return rule;
  }

  /** The rule of a schema that may refer to the whole. */
  rule(schema: unknown): number {
    const rule = this.#network.rule();
    this.#unwritten.push({ rule, schema, where: 'the schema' });
    this.#writeBodies();
    return rule;
  }

  #writeBodies(): void {
    for (let next = this.#unwritten.pop(); next !== undefined; next = this.#unwritten.pop()) {
      const { rule, schema, where } = next;
      this.#network.define(rule, this.#any(schema, { where, depth: 0 }));
    }
  }

  #any(schema: unknown, site: Site): Piece {
    if (site.depth > MAX_NESTING) {
      throw new UsageError(`a schema must be nested at most ${MAX_NESTING} deep, not more`, {
        where: site.where,
        hint: 'use $defs and $ref',
      });
    }
    if (schema === true) return this.#json.value;
    if (schema === false) return oneOf();
    const known = requireKeywords(schema, site.where);
    if (Object.hasOwn(known, '$ref')) return call(this.#ruleOf(known['$ref'], site));
    if (Object.hasOwn(known, 'enum') || Object.hasOwn(known, 'const'))
      return constants(known, site);
    if (Object.hasOwn(known, 'anyOf')) return this.#oneOf(known['anyOf'], within(site, 'anyOf'));
    if (Object.hasOwn(known, 'oneOf'))
      return this.#exactlyOneOf(known['oneOf'], within(site, 'oneOf'));
    if (Object.hasOwn(known, 'allOf')) return this.#onlyOf(known['allOf'], within(site, 'allOf'));
    const types = typesOf(known, site.where);
    if (types === undefined) return this.#json.value;
    return oneOf(...types.map((type) => this.#typed(type, known, site)));
  }

  #oneOf(schemas: unknown, site: Site): Piece {
    const list = requireList(schemas, site);
    return oneOf(...list.map((schema, i) => this.#any(schema, within(site, String(i)))));
  }

  /** Schemas of which one alone can hold: any of them, then. */
  #exactlyOneOf(schemas: unknown, site: Site): Piece {
    const list = requireList(schemas, site);
    const piece = this.#oneOf(list, site);
    const resolve = ({ $ref }: JsonRecord): unknown =>
      pointedTo(this.#schema, String($ref), site.where);
    const alike = list.findIndex((one, i) =>
      list.slice(0, i).some((other) => !areExclusive(one, other, resolve)),
    );
    if (alike < 0) return piece;
    throw new UnsupportedError(
      `schemas of oneOf must differ in type, or in a required property of listed values, and number ${alike} does not`,
      { where: site.where, hint: 'use anyOf' },
    );
  }

  #onlyOf(schemas: unknown, site: Site): Piece {
    const list = requireList(schemas, site);
    if (list.length === 1) return this.#any(list[0], within(site, '0'));
    throw new UnsupportedError(`allOf must have one schema, not ${list.length}`, {
      where: site.where,
      hint: 'write what they say together as one schema',
    });
  }

  #typed(type: TypeName, schema: JsonRecord, site: Site): Piece {
    switch (type) {
      case 'object':
        return this.#object(schema, site);
      case 'array':
        return this.#array(schema, site);
      case 'string':
        return this.#string(schema, site.where);
      case 'integer':
        return integersBetween(...integerBounds(schema, site.where));
      case 'number': {
        const interval = numberBounds(schema, site.where);
        return interval === undefined ? this.#json.number : decimalsBetween(interval);
      }
      default:
        return this.#json[type];
    }
  }

  #string(schema: JsonRecord, where: string): Piece {
    const [least, most] = countsOf(schema, 'minLength', 'maxLength', where);
    const expression = expressionOf(schema, where);
    if (expression === undefined) return this.#json.string(least, most);
    return sequence(
      text('"'),
      regularExpression(expression, characterInString, `${where}.pattern`),
      text('"'),
    );
  }

  #object(schema: JsonRecord, site: Site): Piece {
    const { properties = {}, required = [], additionalProperties } = schema;
    if (!isRecord(properties)) throw wrong('properties', 'an object', properties, site.where);
    if (!Array.isArray(required)) throw wrong('required', 'a list of names', required, site.where);
    const others = additionalProperties ?? Object.keys(properties).length === 0;
    const schemas = new Map(Object.entries(properties));
    for (const name of required) {
      if (typeof name !== 'string') throw wrong('required', 'a list of names', name, site.where);
      if (!schemas.has(name)) schemas.set(name, others);
    }
    if (schemas.size === 0 && others === true) return this.#json.object;
    const needed = new Set(required);
    const members = Array.from(schemas, ([name, each]): Member => ({
      piece: this.#member(text(JSON.stringify(name)), each, within(site, `properties.${name}`)),
      required: needed.has(name),
    }));
    if (others === false) return this.#json.members(members, undefined);
    const rest = this.#member(
      otherName([...schemas.keys()]),
      others,
      within(site, 'additionalProperties'),
    );
    return this.#json.members(members, this.#rule(rest));
  }

  #member(name: Piece, schema: unknown, site: Site): Piece {
    return sequence(name, text(':'), this.#json.space, this.#any(schema, site));
  }

  #array(schema: JsonRecord, site: Site): Piece {
    const { prefixItems = [], items = !Object.hasOwn(schema, 'prefixItems') } = schema;
    const first = Array.isArray(prefixItems) ? prefixItems : undefined;
    if (first === undefined)
      throw wrong('prefixItems', 'a list of schemas', prefixItems, site.where);
    const [least, most] = countsOf(schema, 'minItems', 'maxItems', site.where);
    const item = this.#rule(this.#any(items, within(site, 'items')));
    const counted = Math.max(least, first.length);
    const places = Array.from({ length: most ?? counted }, (_, i) =>
      i < first.length ? this.#any(first[i], within(site, `prefixItems.${i}`)) : item,
    );
    return this.#json.items(places, least, most === undefined ? item : undefined);
  }

  /** For what has several ways to it, so that it is written once. */
  #rule(body: Piece): Piece {
    const rule = this.#network.rule();
    this.#network.define(rule, body);
    return call(rule);
  }

  /** The rule of what a reference points to within this schema. */
  #ruleOf(reference: unknown, { where }: Site): number {
    if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) {
      throw new UnsupportedError(
        `$ref must point into the schema itself, as #/$defs/NAME does, not to ${show(reference)}`,
        { where },
      );
    }
    return this.#rules.getOrInsertComputed(reference, () => {
      const rule = this.#network.rule();
      const schema = pointedTo(this.#schema, reference, where);
      this.#unwritten.push({ rule, schema, where: reference === '#' ? where : reference });
      return rule;
    });
  }
}

function within({ where, depth }: Site, part: string): Site {
  return { where: `${where}.${part}`, depth: depth + 1 };
}

/** The values that a schema lists, of the types that it names; written as short as JSON can be. */
function constants(schema: JsonRecord, { where }: Site): Piece {
  const listed = schema['enum'] ?? [schema['const']];
  if (!Array.isArray(listed)) throw wrong('enum', 'a list of values', listed, where);
  const types = typesOf(schema, where);
  const values = listed.filter((value) => types?.some((type) => isOf(type, value)) ?? true);
  return oneOf(...values.map((value) => text(JSON.stringify(value))));
}

function isOf(type: TypeName, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isRecord(value);
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function requireList(schemas: unknown, { where }: Site): unknown[] {
  if (Array.isArray(schemas) && schemas.length > 0) return schemas;
  throw new UsageError(`there must be a list of schemas, not ${show(schemas)}`, { where });
}

function wrong(keyword: string, required: string, given: unknown, where: string): UsageError {
  return new UsageError(`${keyword} must be ${required}, not ${show(given)}`, { where });
}
