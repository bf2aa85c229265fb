/**
 * Operations on values of several words as JavaScript.
 *
 * Wiring and bitwise logic go word by word; sums carry through an exact number; products of up to 53
 * bits are exact numbers too. `carry` is a variable that the function around the statements declares;
 * `parity` and what wideArithmetic.ts has are functions it can call.
 */
import type { Operator } from './operators.ts';

/** Where a value is: an expression for each word, the lowest first; assignable if it is a target. */
export interface Place {
  readonly width: number;
  readonly words: readonly string[];
  /** The word whose number is a variable; a constant has none. */
  readonly word?: (index: string) => string;
  /** The place of its lowest word in the array of all values, if it is there. */
  readonly offset?: number;
}

type Statement = (target: Place, operands: readonly Place[], low: number) => string | undefined;

const WORD = 2 ** 32;

export function wordsOf(width: number): number {
  return Math.ceil(width / 32);
}

/** A constant's place: its words as literals. */
export function constantPlace(width: number, value: bigint): Place {
  const words = Array.from({ length: wordsOf(width) }, (_, i) => {
    return String(BigInt.asUintN(32, value >> BigInt(32 * i)));
  });
  return { width, words };
}

/** Assigns words, dropping the bits above the target's width; the array drops those above 32. */
export function assign({ width, words }: Place, values: readonly string[]): string {
  const top = width % 32;
  const statements = words.map((word, i) => {
    const isPartial = top > 0 && i === words.length - 1;
    return `${word} = ${isPartial ? `(${values[i]}) & ${2 ** top - 1}` : values[i]};`;
  });
  return statements.join(' ');
}

/** From how many words on a loop is better than a statement for each word. */
const LOOP = 9;

/** One value into another of the same width. */
export function move(target: Place, source: Place): string {
  return loop(target, [source], (to, [from]) => `${to} = ${from};`);
}

/** The bytes of one value whose enables, a bit each, are 1, into another; `byteMasks` is the table of masks. */
export function moveBytes(target: Place, source: Place, enables: Place): string {
  const merge = (to: string, from: string, enable: string): string =>
    `{ const mask = byteMasks[${enable} & 15]; ${to} = ${to} & ~mask | ${from} & mask; }`;
  const count = target.words.length;
  const [to, from, enable] = [target, source, enables].map(({ word }) => word);
  if (count >= LOOP && to && from && enable) {
    const body = merge(to('i'), from('i'), `${enable('(i >> 3)')} >>> 4 * (i & 7)`);
    return `for (let i = 0; i < ${count}; i++) ${body}`;
  }
  const texts = target.words.map((word, i) =>
    merge(word, source.words[i], `${enables.words[i >> 3]} >>> ${(4 * i) % 32}`),
  );
  return texts.join(' ');
}

/** The statement for each word of the target and the same words of the operands, the lowest first. */
function loop(
  target: Place,
  operands: readonly Place[],
  statement: (target: string, operands: readonly string[]) => string,
): string {
  const count = target.words.length;
  const inLoop = [target, ...operands].map(({ word }) => word?.('i'));
  if (count < LOOP || inLoop.includes(undefined)) {
    const texts = target.words.map((word, i) => {
      return statement(
        word,
        operands.map(({ words }) => words[i]),
      );
    });
    return texts.join(' ');
  }
  const [to, ...from] = inLoop as string[];
  return `for (let i = 0; i < ${count}; i++) { ${statement(to, from)} }`;
}

/** A value of one word as a signed number. */
export function signedWord({ width, words: [word] }: Place): string {
  return `(${word} << ${32 - width} >> ${32 - width})`;
}

/** The words of a concatenation, the first part highest. */
export function joined(parts: readonly Place[]): string[] {
  const pieces: string[][] = [];
  let base = 0;
  for (const part of joinSigns(parts).toReversed()) {
    const end = base + part.width;
    for (let at = base; at < end; at += 32 - (at % 32)) {
      const count = Math.min(32 - (at % 32), end - at);
      const bits = `${extract(part, at - base, count)}${at % 32 ? ` << ${at % 32}` : ''}`;
      (pieces[Math.floor(at / 32)] ??= []).push(bits);
    }
    base = end;
  }
  return pieces.map((bits) => bits.join(' | '));
}

/** A bit repeated, as a sign is, made one part: minus the bit, which is all ones or zeros. */
function joinSigns(parts: readonly Place[]): Place[] {
  const joined: Place[] = [];
  for (let i = 0; i < parts.length;) {
    const [{ width, words }, start] = [parts[i], i];
    do i++;
    while (width === 1 && parts[i]?.width === 1 && parts[i].words[0] === words[0]);
    const count = i - start;
    const signs = { width: count, words: new Array<string>(wordsOf(count)).fill(`-${words[0]}`) };
    joined.push(count > 1 ? signs : parts[start]);
  }
  return joined;
}

/** `count` bits from bit `low`, at most 32. */
function extract({ words }: Place, low: number, count: number): string {
  const [index, shift] = [Math.floor(low / 32), low % 32];
  const lower = shift ? `${words[index]} >>> ${shift}` : words[index];
  const bits =
    shift + count > 32 ? `(${lower} | ${words[index + 1]} << ${32 - shift})` : `(${lower})`;
  return count === 32 ? bits : `(${bits} & ${2 ** count - 1})`;
}

function slice(target: Place, [a]: readonly Place[], low: number): string {
  const parts = target.words.map((_, i) => {
    return extract(a, low + 32 * i, Math.min(32, target.width - 32 * i));
  });
  return assign(target, parts);
}

function bitwise(sign: '&' | '|' | '^'): Statement {
  return (target, operands) => loop(target, operands, (to, [a, b]) => `${to} = ${a} ${sign} ${b};`);
}

function sum(sign: '+' | '-'): Statement {
  const carried = sign === '+' ? `(carry >= ${WORD} ? 1 : 0)` : '(carry < 0 ? 1 : 0)';
  return (target, operands) => {
    const words = loop(target, operands, (to, [a, b]) => {
      return `carry = ${a} ${sign} ${b} ${sign} ${carried}; ${to} = carry;`;
    });
    return `carry = 0; ${words} ${trim(target)}`;
  };
}

/** An exact number up to 53 bits, from operands of one word; else a call. */
function product(signed: boolean): Statement {
  const operand = signed ? signedWord : ({ words: [word] }: Place): string => word;
  return (target, [a, b]) => {
    if (target.width > 53 || a.words.length > 1 || b.words.length > 1) {
      return longProduct(target, a, b, signed);
    }
    const [lower, upper] = target.words;
    const parts = `carry = ${operand(a)} * ${operand(b)}; ${lower} = carry;`;
    return `${parts} ${upper} = Math.floor(carry / ${WORD}); ${trim(target)}`;
  };
}

function longProduct(target: Place, a: Place, b: Place, signed: boolean): string | undefined {
  if (a.offset === undefined || b.offset === undefined) return undefined;
  const factors = [a, b].map(({ offset, width }) => `[${offset}, ${width}, ${signed}]`);
  return `multiply(s, ${target.offset}, ${target.width}, ${factors.join(', ')});`;
}

/** Calls a function of wideArithmetic.ts; the amount has one word. */
function shift(name: string, ...more: readonly string[]): Statement {
  return (target, [a, amount]) => {
    if (a.offset === undefined) return undefined;
    const values = [target.offset, a.offset, a.width, amount.words[0], ...more];
    return `${name}(s, ${values.join(', ')});`;
  };
}

function allOnes(target: Place, [{ width, words }]: readonly Place[]): string {
  const ones = constantPlace(width, 2n ** BigInt(width) - 1n);
  return equal(target, [{ width, words }, ones]);
}

function trim(target: Place): string {
  const { width, words } = target;
  const top = words.at(-1)!;
  return width % 32 ? `${top} = ${top} & ${2 ** (width % 32) - 1};` : '';
}

function equal(target: Place, [a, b]: readonly Place[]): string {
  const same = a.words.map((word, i) => `${word} === ${b.words[i]}`).join(' && ');
  return `${target.words[0]} = ${same} ? 1 : 0;`;
}

/** From the highest word down: less, or equal and the rest less. */
function less(words: (place: Place) => readonly string[]): Statement {
  return (target, [a, b]) => {
    const [left, right] = [words(a), words(b)];
    const condition = left.reduce((rest, word, i) => {
      const [strictly, equally] = [`${word} < ${right[i]}`, `${word} === ${right[i]}`];
      return rest === '' ? strictly : `(${strictly} || ${equally} && ${rest})`;
    }, '');
    return `${target.words[0]} = ${condition} ? 1 : 0;`;
  };
}

/** The words of a value with its highest word as a signed number. */
function signedTop({ width, words }: Place): string[] {
  const top = { width: ((width - 1) % 32) + 1, words: words.slice(-1) };
  return [...words.slice(0, -1), signedWord(top)];
}

/** Statements where a value has more than one word. */
export const WIDE: Partial<Record<Operator, Statement>> = {
  not: (target, operands) =>
    `${loop(target, operands, (to, [a]) => `${to} = ~${a};`)} ${trim(target)}`,
  and: bitwise('&'),
  or: bitwise('|'),
  xor: bitwise('^'),
  add: sum('+'),
  sub: sum('-'),
  mulU: product(false),
  mulS: product(true),
  shl: shift('shiftLeft'),
  shr: shift('shiftRight', 'false'),
  sra: shift('shiftRight', 'true'),
  eq: equal,
  ltU: less(({ words }) => words),
  ltS: less(signedTop),
  reduceAnd: allOnes,
  reduceXor: (target, [{ words }]) => `${target.words[0]} = parity(${words.join(' ^ ')});`,
  reduceOr: (target, [{ words }]) => `${target.words[0]} = (${words.join(' | ')}) !== 0 ? 1 : 0;`,
  concat: (target, parts) => assign(target, joined(parts)),
  slice,
};
