/** Reads a text character by character, and says where it is wrong. */
import { UsageError } from '../base/index.ts';
import { LAST_CODE_POINT, otherRanges, type CodePointRange } from './unicode.ts';

export class Scanner {
  readonly #characters: readonly string[];
  readonly #what: string;
  #at = 0;

  /** `what` names the text in messages. */
  constructor(text: string, what: string) {
    this.#characters = [...text];
    this.#what = what;
  }

  get done(): boolean {
    return this.#at === this.#characters.length;
  }

  /** The next characters, as many of them as there are. */
  peek(count = 1): string {
    return this.#characters.slice(this.#at, this.#at + count).join('');
  }

  next(): string {
    const character = this.#characters[this.#at];
    if (character === undefined) throw this.wrong('it must go on, and ends');
    this.#at++;
    return character;
  }

  /** Takes `text` if it is next. */
  take(text: string): boolean {
    const count = [...text].length;
    if (this.peek(count) !== text) return false;
    this.#at += count;
    return true;
  }

  require(text: string): void {
    if (this.take(text)) return;
    throw this.wrong(`there must be ${JSON.stringify(text)}, not ${JSON.stringify(this.peek(8))}`);
  }

  /** Takes characters as long as they match. */
  takeWhile(pattern: RegExp): string {
    let taken = '';
    while (!this.done && pattern.test(this.peek())) taken += this.next();
    return taken;
  }

  /** A code of `digits` hexadecimal digits. */
  code(digits: number): number {
    const taken = Array.from({ length: digits }, () => this.next()).join('');
    const code = /^[0-9a-fA-F]+$/.test(taken) ? parseInt(taken, 16) : Infinity;
    if (code <= LAST_CODE_POINT) return code;
    throw this.wrong(`a code must be hexadecimal, not ${JSON.stringify(taken)}`);
  }

  wrong(message: string): UsageError {
    return new UsageError(message, { where: `${this.#what}, character ${this.#at + 1}` });
  }
}

const NAMED: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  f: '\f',
  v: '\v',
  0: '\0',
};

/** What an escape stands for after its backslash: one character. Letters that mean nothing are wrong. */
export function escapedCharacter(scanner: Scanner): number {
  const letter = scanner.next();
  const named = NAMED[letter];
  if (named !== undefined) return named.charCodeAt(0);
  if (letter === 'x') return scanner.code(2);
  if (letter === 'U') return scanner.code(8);
  if (letter === 'u' && scanner.take('{')) {
    const digits = scanner.takeWhile(/[0-9a-fA-F]/);
    scanner.require('}');
    return new Scanner(digits, 'a code').code(Math.max(1, digits.length));
  }
  if (letter === 'u') return scanner.code(4);
  if (!/[A-Za-z1-9]/.test(letter)) return letter.codePointAt(0)!;
  throw scanner.wrong(`an escape must be one that is supported, not \\${letter}`);
}

/**
 * What is between [ and ], the first of which has been taken: characters and ranges, or all but these.
 * `sets` gives the characters of an escape that stands for several.
 */
export function characterClass(
  scanner: Scanner,
  sets: (letter: string) => readonly CodePointRange[] | undefined = () => undefined,
): readonly CodePointRange[] {
  const negated = scanner.take('^');
  const ranges: CodePointRange[] = [];
  while (!scanner.take(']')) {
    const set = scanner.peek() === '\\' ? sets(scanner.peek(2).slice(1)) : undefined;
    if (set !== undefined) {
      scanner.take(scanner.peek(2));
      ranges.push(...set);
      continue;
    }
    const first = classMember(scanner);
    const isRange = scanner.peek() === '-' && scanner.peek(2) !== '-]';
    if (isRange) scanner.next();
    const last = isRange ? classMember(scanner) : first;
    if (last < first) throw scanner.wrong('a range must go upwards');
    ranges.push([first, last]);
  }
  return negated ? otherRanges(ranges) : ranges;
}

function classMember(scanner: Scanner): number {
  const character = scanner.next();
  return character === '\\' ? escapedCharacter(scanner) : character.codePointAt(0)!;
}

/** How often something comes: `?`, `*`, `+`, `{2}`, `{2,}` or `{2,5}`; undefined when nothing is said. */
export function quantifier(
  scanner: Scanner,
): [least: number, most: number | undefined] | undefined {
  if (scanner.take('?')) return [0, 1];
  if (scanner.take('*')) return [0, undefined];
  if (scanner.take('+')) return [1, undefined];
  if (!scanner.take('{')) return undefined;
  const least = scanner.takeWhile(/\d/);
  const comma = scanner.take(',');
  const most = comma ? scanner.takeWhile(/\d/) : least;
  scanner.require('}');
  const bounds = [Number(least), most === '' ? undefined : Number(most)] as const;
  if (least === '' || bounds[0] > (bounds[1] ?? Infinity)) {
    throw scanner.wrong('counts must be {N}, {N,} or {N,M} with N at most M');
  }
  return [...bounds];
}
