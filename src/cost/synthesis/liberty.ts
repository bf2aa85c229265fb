/**
 * Reads Liberty files [1] into a tree of groups, and writes such a tree.
 *
 * Values stay as they are written, quotes included, so that what is written again is what was read.
 * The grammar is followed as real files do: a `;` may be missing, comments do not nest.
 *
 * [1] Liberty User Guides and Reference Manual Suite, version 2017.06 (Synopsys, open source licence).
 */
import { FormatError } from '../../base/index.ts';

/** `name (args) { … }`. */
export interface LibertyGroup {
  readonly name: string;
  readonly args: readonly string[];
  /** `key : value`. */
  readonly attributes: ReadonlyMap<string, string>;
  /** `key (values)`, in order; a key may occur often. */
  readonly lists: readonly { readonly key: string; readonly values: readonly string[] }[];
  readonly groups: readonly LibertyGroup[];
}

/** Without the quotes around it. */
export function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1) : text;
}

/** The attribute of a group as text, or undefined. */
export function textOf(group: LibertyGroup, key: string): string | undefined {
  const value = group.attributes.get(key);
  return value === undefined ? undefined : unquote(value);
}

/** The attribute of a group as a number, or undefined. */
export function numberOf(group: LibertyGroup, key: string): number | undefined {
  const value = textOf(group, key);
  return value === undefined ? undefined : Number.parseFloat(value);
}

/** All numbers of the lists with that key, flattened: of `values`, a table row by row. */
export function numbersOf(group: LibertyGroup, key: string): number[] {
  const texts = group.lists.filter((list) => list.key === key).flatMap(({ values }) => values);
  return texts.flatMap((text) =>
    unquote(text)
      .split(/[\s,\\]+/)
      .filter(Boolean)
      .map(Number),
  );
}

export function groupsNamed(group: LibertyGroup, name: string): LibertyGroup[] {
  return group.groups.filter((inner) => inner.name === name);
}

/** Reads a file, which holds one group, the library. Throws with the line where the grammar ends. */
export function parseLiberty(text: string): LibertyGroup {
  const reader = new Reader(text);
  const name = reader.next();
  reader.expect('(');
  return reader.group(name, reader.args());
}

/** Tokens: a quoted string, one of `(){}:;,`, or anything else up to one of these or white space. */
const TOKEN =
  /(?:[\s\\]+|\/\*[\s\S]*?\*\/|\/\/[^\n]*)*("[^"]*"|[(){}:;,]|(?:(?!\/\*)[^\s"(){}:;,\\])+)/y;
/** What follows the colon of an attribute: a quoted string, or the rest of the line. */
const VALUE = /[ \t]*("[^"]*"|[^;\n}]*)/y;

class Reader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string {
    TOKEN.lastIndex = this.#position;
    const token = TOKEN.exec(this.#text)?.[1];
    if (token === undefined) return this.#fail('a token');
    this.#position = TOKEN.lastIndex;
    return token;
  }

  expect(token: string): void {
    if (this.next() !== token) this.#fail(`"${token}"`);
  }

  /** The values up to the closing bracket; the opening one has been read. */
  args(): string[] {
    const values: string[] = [];
    for (let token = this.next(); token !== ')'; token = this.next()) {
      if (token !== ',') values.push(token);
    }
    return values;
  }

  /** The rest of a group after its arguments, from its `{` to its `}`. */
  group(name: string, args: readonly string[]): LibertyGroup {
    const attributes = new Map<string, string>();
    const lists: { key: string; values: string[] }[] = [];
    const groups: LibertyGroup[] = [];
    this.expect('{');
    for (let key = this.next(); key !== '}'; key = this.next()) {
      if (key === ';') continue;
      const sign = this.next();
      if (sign === ':') attributes.set(key, this.#value());
      else if (sign !== '(') this.#fail('":" or "("');
      else {
        const values = this.args();
        if (this.#peek() === '{') groups.push(this.group(key, values));
        else lists.push({ key, values });
      }
    }
    return { name, args, attributes, lists, groups };
  }

  #value(): string {
    VALUE.lastIndex = this.#position;
    const value = VALUE.exec(this.#text)![1]!.trim();
    this.#position = VALUE.lastIndex;
    return value;
  }

  #peek(): string {
    const position = this.#position;
    const token = this.next();
    this.#position = position;
    return token;
  }

  #fail(required: string): never {
    const line = this.#text.slice(0, this.#position).split('\n').length;
    throw new FormatError(`a Liberty file must have ${required} here, at or before line ${line}`);
  }
}

/** The text of a group; of the groups inside, only those that `keep` wants. */
export function printLiberty(
  group: LibertyGroup,
  keep: (group: LibertyGroup) => boolean = () => true,
): string {
  const { name, args, attributes, lists, groups } = group;
  const lines = [
    `${name} (${args.join(', ')}) {`,
    ...[...attributes].map(([key, value]) => `${key} : ${value};`),
    ...lists.map(({ key, values }) => `${key} (${values.join(', ')});`),
    ...groups.filter(keep).map((inner) => printLiberty(inner, keep)),
    '}',
  ];
  return lines.join('\n');
}
