/**
 * Regular expressions of JSON Schema [1] as pieces: alternatives, groups, classes, counts, and ^ and $ at
 * the ends. Without these an expression may be anywhere in a text. Assertions within, references to
 * groups and classes of Unicode are refused by name.
 *
 * [1] https://json-schema.org/understanding-json-schema/reference/regular_expressions
 */
import { UnsupportedError } from '../base/index.ts';
import { oneOf, repeat, sequence, type Piece } from './network.ts';
import { characterClass, escapedCharacter, quantifier, Scanner } from './scanner.ts';
import { LAST_CODE_POINT, otherRanges, type CodePointRange } from './unicode.ts';

const MAX_LENGTH = 2000;

const DIGITS: CodePointRange[] = [[0x30, 0x39]];
const WORD: CodePointRange[] = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const LINE_ENDS: CodePointRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const SPACE: CodePointRange[] = [
  ...LINE_ENDS,
  [0x09, 0x0c],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const SETS: Readonly<Record<string, readonly CodePointRange[]>> = {
  d: DIGITS,
  D: otherRanges(DIGITS),
  w: WORD,
  W: otherRanges(WORD),
  s: SPACE,
  S: otherRanges(SPACE),
};

/** How one character of the ranges is spelled, where the expression is used. */
export type SpellCharacter = (ranges: readonly CodePointRange[]) => Piece;

/** Throws UnsupportedError for what is not understood, UsageError for what is no regular expression. */
export function regularExpression(source: string, spell: SpellCharacter, where: string): Piece {
  return new ExpressionReader(source, spell, where).whole();
}

class ExpressionReader {
  readonly #scanner: Scanner;
  readonly #spell: SpellCharacter;
  readonly #where: string;

  constructor(source: string, spell: SpellCharacter, where: string) {
    this.#scanner = new Scanner(source, where);
    this.#spell = spell;
    this.#where = where;
    if (source.length > MAX_LENGTH) {
      throw new UnsupportedError(
        `a regular expression must have at most ${MAX_LENGTH} characters, not ${source.length}`,
        { where },
      );
    }
  }

  /** Alternatives, each with its own ends. */
  whole(): Piece {
    const any = repeat(this.#spell([[0, LAST_CODE_POINT]]), 0);
    const alternatives: Piece[] = [];
    do {
      const before = this.#scanner.take('^') ? [] : [any];
      const body = this.#terms();
      const after = this.#scanner.take('$') ? [] : [any];
      alternatives.push(sequence(...before, body, ...after));
    } while (this.#scanner.take('|'));
    if (this.#scanner.done) return oneOf(...alternatives);
    if (this.#scanner.peek() === ')') throw this.#scanner.wrong('a ) must have its (');
    throw this.#unsupported('$ within an expression');
  }

  #alternatives(): Piece {
    const alternatives = [this.#terms()];
    while (this.#scanner.take('|')) alternatives.push(this.#terms());
    return oneOf(...alternatives);
  }

  #terms(): Piece {
    const terms: Piece[] = [];
    while (!this.#scanner.done && !'|)$'.includes(this.#scanner.peek())) {
      const atom = this.#atom();
      const counts = quantifier(this.#scanner);
      if (counts !== undefined) this.#scanner.take('?'); // fewest first: the same texts
      terms.push(counts === undefined ? atom : repeat(atom, ...counts));
    }
    return sequence(...terms);
  }

  #atom(): Piece {
    const scanner = this.#scanner;
    const character = scanner.next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#spell(characterClass(scanner, (letter) => SETS[letter]));
      case '.':
        return this.#spell(otherRanges(LINE_ENDS));
      case '\\':
        return this.#escape();
      case '^':
        throw this.#unsupported('^ within an expression');
      case '*':
      case '+':
      case '?':
        throw scanner.wrong(`there must be something before ${character}`);
      default:
        return this.#one(character.codePointAt(0)!);
    }
  }

  #group(): Piece {
    const scanner = this.#scanner;
    if (scanner.take('?') && !scanner.take(':')) {
      const named = scanner.take('<') && !'=!'.includes(scanner.peek());
      if (!named) throw this.#unsupported('looking ahead or behind');
      scanner.takeWhile(/[^>]/);
      scanner.require('>');
    }
    const inner = this.#alternatives();
    if (scanner.peek() === '$') throw this.#unsupported('$ within an expression');
    scanner.require(')');
    return inner;
  }

  #escape(): Piece {
    const letter = this.#scanner.peek();
    const set = SETS[letter];
    if (set !== undefined) {
      this.#scanner.next();
      return this.#spell(set);
    }
    if (/[bBpPk1-9]/.test(letter)) throw this.#unsupported(`\\${letter}`);
    return this.#one(escapedCharacter(this.#scanner));
  }

  #one(codePoint: number): Piece {
    return this.#spell([[codePoint, codePoint]]);
  }

  #unsupported(what: string): UnsupportedError {
    return new UnsupportedError(`${what} is not supported in a regular expression`, {
      where: this.#where,
      hint: 'leave it out, and check the answer yourself',
    });
  }
}
