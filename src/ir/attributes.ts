/** Attributes of nodes as JSON: checked against their table, written in its order. */
import { ATTRIBUTES, type AttributeKind } from './attributes.table.ts';
import type { Op, OpAttrs } from './ops.table.ts';

/** Writes the attributes other than `type` as one line of JSON; empty when there are none. */
export function attributesToString<O extends Op>(op: O, attrs: OpAttrs[O]): string {
  const names = Object.keys(ATTRIBUTES[op]);
  const values = attrs as Record<string, unknown>;
  const given = names.filter((name) => values[name] !== undefined);
  if (given.length === 0) return '';
  return JSON.stringify(Object.fromEntries(given.map((name) => [name, values[name]])));
}

/** What is wrong with `attrs` as attributes of `op`, a phrase each: missing, of a wrong kind, unknown. */
export function attributeProblems(op: Op, attrs: Readonly<Record<string, unknown>>): string[] {
  const kinds: Readonly<Record<string, AttributeKind>> = ATTRIBUTES[op];
  const problems = Object.entries(kinds)
    .filter(([name, kind]) => !isOfKind(attrs[name], kind))
    .map(([name, kind]) => `${name} must be ${requirementOf(kind)}, not ${show(attrs[name])}`);
  for (const name of Object.keys(attrs)) {
    if (name !== 'type' && !Object.hasOwn(kinds, name)) {
      problems.push(`${op} has no attribute ${show(name)}`);
    }
  }
  return problems;
}

function isOfKind(value: unknown, kind: AttributeKind): boolean {
  if (typeof kind !== 'string') return kind.includes(value as string);
  if (kind === 'text') return typeof value === 'string';
  if (kind.startsWith('optional') && value === undefined) return true;
  if (kind.endsWith('flag')) return typeof value === 'boolean';
  if (kind.endsWith('number')) return Number.isFinite(value);
  if (kind === 'numbers') return Array.isArray(value) && value.every(Number.isFinite);
  return Number.isSafeInteger(value) && (value as number) >= (kind.endsWith('count') ? 1 : 0);
}

function requirementOf(kind: AttributeKind): string {
  if (typeof kind !== 'string') return `one of ${kind.join(', ')}`;
  return {
    text: 'a string',
    flag: 'true or false',
    'optional flag': 'true, false or absent',
    'optional count': 'an integer from 1 or absent',
    'optional number': 'a finite number or absent',
    number: 'a finite number',
    numbers: 'a list of finite numbers',
    count: 'an integer from 1',
    index: 'an integer from 0',
  }[kind];
}

/** A value in a message, short however large it is. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
