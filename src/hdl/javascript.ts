/**
 * The text of operations in JavaScript, on 32-bit words of a `Uint32Array`.
 *
 * A value of up to 32 bits is one word and one expression; a wider one has its words from the lowest.
 * Bits above the width are zero. What has no form here is left to `evaluate` on BigInt.
 */
import { assign, joined, move, signedWord, WIDE, type Place } from './javascriptWide.ts';
import type { Operator } from './operators.ts';

type Narrow = (operands: readonly string[], places: readonly Place[], low: number) => string;

/** A statement for the operation, or undefined if it needs `evaluate`. */
export function statementOf(
  operator: Operator,
  target: Place,
  operands: readonly Place[],
  low: number,
): string | undefined {
  if (operator === 'mux') return muxStatement(target, operands);
  const narrow = [target, ...operands].every(({ words }) => words.length === 1);
  if (!narrow) return WIDE[operator]?.(target, operands, low);
  const words = operands.map(({ words: [word] }) => word);
  return assign(target, [NARROW[operator](words, operands, low)]);
}

const flag = (condition: string): string => `${condition} ? 1 : 0`;
const binary =
  (sign: string): Narrow =>
  ([a, b]) =>
    `${a} ${sign} ${b}`;

/** Expressions on single words; `assign` drops the bits above the width of the result. */
const NARROW: Readonly<Record<Exclude<Operator, 'mux'>, Narrow>> = {
  not: ([a]) => `~${a}`,
  and: binary('&'),
  or: binary('|'),
  xor: binary('^'),
  add: binary('+'),
  sub: binary('-'),
  mulU: ([a, b]) => `Math.imul(${a}, ${b})`,
  mulS: (_words, [a, b]) => `Math.imul(${signedWord(a)}, ${signedWord(b)})`,
  eq: ([a, b]) => flag(`${a} === ${b}`),
  ltU: ([a, b]) => flag(`${a} < ${b}`),
  ltS: (_words, [a, b]) => flag(`${signedWord(a)} < ${signedWord(b)}`),
  shl: ([a, n], [{ width }]) => `${n} < ${width} ? ${a} << ${n} : 0`,
  shr: ([a, n], [{ width }]) => `${n} < ${width} ? ${a} >>> ${n} : 0`,
  sra: ([, n], [a]) => `${signedWord(a)} >> Math.min(${n}, 31)`,
  reduceAnd: ([a], [{ width }]) => flag(`${a} === ${2 ** width - 1}`),
  reduceOr: ([a]) => flag(`${a} !== 0`),
  reduceXor: ([a]) => `parity(${a})`,
  concat: (_words, parts) => joined(parts)[0],
  slice: ([a], _places, low) => `${a} >>> ${low}`,
};

/** One assignment for each option; undefined if the index is wider than a word. */
function muxStatement(target: Place, [index, ...options]: readonly Place[]): string | undefined {
  if (index.words.length > 1) return undefined;
  const copies = options.map((option) => move(target, option));
  if (copies.length === 2) return `if (${index.words[0]}) { ${copies[1]} } else { ${copies[0]} }`;
  const cases = copies.map((copy, i) => {
    return `${i < copies.length - 1 ? `case ${i}` : 'default'}: ${copy} break;`;
  });
  return `switch (${index.words[0]}) { ${cases.join(' ')} }`;
}
