/** JSON as text [1]: what values are spelled like. Narrower than JSON where that keeps a model from running on.
 *
 * [1] https://www.rfc-editor.org/rfc/rfc8259
 */
import {
  byteRange,
  call,
  nothing,
  oneOf,
  optional,
  repeat,
  sequence,
  text,
  type Network,
  type Piece,
} from './network.ts';
import { characters, commonRanges, otherRanges, type CodePointRange } from './unicode.ts';

/** Digits before the point of a number, which an f64 holds exactly; and after it. */
export const MAX_DIGITS = 15;
const MAX_INDENT = 20;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** What a string cannot have as it is. */
const ESCAPED: readonly CodePointRange[] = [
  [0, 0x1f],
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
];
/** What nothing is gained by having in a string: delete and the control characters after it. */
const CONTROLS: readonly CodePointRange[] = [[0x7f, 0x9f]];

export const digit = byteRange(0x30, 0x39);
const hexDigit = oneOf(digit, byteRange(0x41, 0x46), byteRange(0x61, 0x66));

/** A character that stands for itself. */
export const plainCharacter = characters(otherRanges([...ESCAPED, ...CONTROLS]));

/** A plain character that is none of these. */
export function plainCharacterBut(codePoints: readonly number[]): Piece {
  const these = codePoints.map((point): CodePointRange => [point, point]);
  return characters(otherRanges([...ESCAPED, ...CONTROLS, ...these]));
}

/** What a string cannot have as it is, and how it is spelled. */
const SPELLED_OTHERWISE: Readonly<Record<string, string>> = Object.fromEntries(
  ESCAPED.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)),
  ).map((character) => [character, JSON.stringify(character).slice(1, -1)]),
);

/** One character of the ranges, in a string: as it is where that can be. */
export function characterInString(ranges: readonly CodePointRange[]): Piece {
  const within = (character: string): boolean => {
    const point = character.codePointAt(0)!;
    return ranges.some(([first, last]) => point >= first && point <= last);
  };
  const escaped = Object.keys(SPELLED_OTHERWISE).filter(within);
  return oneOf(
    characters(commonRanges(ranges, otherRanges(ESCAPED))),
    ...escaped.map((character) => text(SPELLED_OTHERWISE[character]!)),
  );
}

/** \u and a code of four digits that is no half of a surrogate pair. */
const codeEscape = sequence(
  text('u'),
  oneOf(
    sequence(
      oneOf(digit, byteRange(0x41, 0x43), byteRange(0x45, 0x46)),
      hexDigit,
      hexDigit,
      hexDigit,
    ),
    sequence(oneOf(byteRange(0x61, 0x63), byteRange(0x65, 0x66)), hexDigit, hexDigit, hexDigit),
    sequence(oneOf(text('d'), text('D')), byteRange(0x30, 0x37), hexDigit, hexDigit),
  ),
);
const escape = sequence(
  text('\\'),
  oneOf(...Array.from('"\\/bfnrt', (letter) => text(letter)), codeEscape),
);

const digits = (most: number): Piece => sequence(digit, repeat(digit, 0, most - 1));
export const unsignedInteger = oneOf(
  text('0'),
  sequence(byteRange(0x31, 0x39), repeat(digit, 0, MAX_DIGITS - 1)),
);
const decimal = sequence(
  optional(text('-')),
  unsignedInteger,
  optional(sequence(text('.'), digits(MAX_DIGITS))),
  optional(sequence(oneOf(text('e'), text('E')), optional(oneOf(text('-'), text('+'))), digits(2))),
);

/** A space, or a line break with what the next line is set in by. */
const layout = optional(
  oneOf(text(' '), sequence(text('\n'), repeat(oneOf(text(' '), text('\t')), 0, MAX_INDENT))),
);

/** The rules of JSON in a network. */
export class JsonText {
  readonly number: Piece;
  readonly boolean: Piece = oneOf(text('true'), text('false'));
  readonly null: Piece = text('null');
  /** Any value, any object. */
  readonly value: Piece;
  readonly object: Piece;
  /** Space that may be between tokens. */
  readonly space: Piece;
  readonly #comma: Piece;
  readonly #character: Piece;

  constructor(network: Network) {
    const rule = (body: Piece): Piece => {
      const number = network.rule();
      network.define(number, body);
      return call(number);
    };
    this.space = rule(layout);
    this.#comma = sequence(text(','), this.space);
    this.#character = rule(oneOf(plainCharacter, escape));
    this.number = rule(decimal);
    const value = network.rule();
    this.value = call(value);
    const string = rule(this.string());
    const member = sequence(string, text(':'), this.space, this.value);
    this.object = rule(this.members([], member));
    const array = rule(this.items([], 0, this.value));
    network.define(value, oneOf(this.object, array, string, this.number, this.boolean, this.null));
  }

  /** A string of `least` to `most` characters; without end when `most` is absent. */
  string(least = 0, most?: number): Piece {
    return sequence(text('"'), repeat(this.#character, least, most), text('"'));
  }

  /**
   * An object: the members in their order, those that are not required at will, then any number of
   * `more`; none of them when it is absent.
   */
  members(members: readonly Member[], more: Piece | undefined): Piece {
    return (network, from, to) => {
      let [empty, filled] = [network.state(), network.state()];
      sequence(text('{'), this.space)(network, from, empty);
      for (const { piece, required } of members) {
        const [begin, stillEmpty, nowFilled] = [network.state(), network.state(), network.state()];
        nothing(network, empty, begin);
        this.#comma(network, filled, begin);
        piece(network, begin, nowFilled);
        if (!required) {
          nothing(network, empty, stillEmpty);
          nothing(network, filled, nowFilled);
        }
        [empty, filled] = [stillEmpty, nowFilled];
      }
      if (more !== undefined) {
        more(network, empty, filled);
        sequence(this.#comma, more)(network, filled, filled);
      }
      const end = network.state();
      nothing(network, empty, end);
      nothing(network, filled, end);
      sequence(this.space, text('}'))(network, end, to);
    };
  }

  /**
   * An array: the given items in their order, of which at least `least` must be there, then any number
   * of `more`; none of them when it is absent.
   */
  items(items: readonly Piece[], least: number, more: Piece | undefined): Piece {
    return (network, from, to) => {
      const end = network.state();
      const empty = network.state();
      sequence(text('['), this.space)(network, from, empty);
      let at = empty;
      for (const [i, item] of items.entries()) {
        if (i >= least) nothing(network, at, end);
        const next = network.state();
        (i === 0 ? item : sequence(this.#comma, item))(network, at, next);
        at = next;
      }
      nothing(network, at, end);
      if (more !== undefined) {
        const filled = network.state();
        (at === empty ? more : nothing)(network, at, filled);
        sequence(this.#comma, more)(network, filled, filled);
        nothing(network, filled, end);
      }
      sequence(this.space, text(']'))(network, end, to);
    };
  }
}

export interface Member {
  readonly piece: Piece;
  readonly required: boolean;
}
