/**
 * What compiled circuits call for shifts and products of several words.
 *
 * A number is `width` bits from a word of `s` on, the lowest word first; the bits above are zero. The
 * target never overlaps an operand.
 */

/** Shifts left, zeros from below. The amount is a natural number of up to 32 bits. */
export function shiftLeft(
  s: Uint32Array,
  to: number,
  from: number,
  width: number,
  amount: number,
): void {
  const [words, skip, bits] = [Math.ceil(width / 32), amount >>> 5, amount & 31];
  const word = (i: number): number => (i < 0 ? 0 : s[from + i]);
  for (let i = 0; i < words; i++) {
    const upper = word(i - skip);
    s[to + i] = bits === 0 ? upper : (upper << bits) | (word(i - skip - 1) >>> (32 - bits));
  }
  trim(s, to, width);
}

/** Shifts right, from above zeros or, if `signed`, copies of the sign. */
export function shiftRight(
  s: Uint32Array,
  to: number,
  from: number,
  width: number,
  amount: number,
  signed: boolean,
): void {
  const [words, skip, bits] = [Math.ceil(width / 32), amount >>> 5, amount & 31];
  const fill = signed && isNegative(s, from, width) ? -1 : 0;
  const top = width % 32 === 0 ? 0 : fill << (width % 32);
  const word = (i: number): number => {
    if (i >= words) return fill;
    return i === words - 1 ? s[from + i] | top : s[from + i];
  };
  for (let i = 0; i < words; i++) {
    const lower = word(i + skip);
    s[to + i] = bits === 0 ? lower : (lower >>> bits) | (word(i + skip + 1) << (32 - bits));
  }
  trim(s, to, width);
}

/** An operand of a product: where it begins, its width, and whether it is in two's complement. */
type Factor = readonly [from: number, width: number, signed: boolean];

/**
 * The product modulo 2^width, limb by limb of 16 bits. The sum of a column's products stays below 2^53,
 * so it is exact, for any width that a signal may have.
 */
export function multiply(s: Uint32Array, to: number, width: number, a: Factor, b: Factor): void {
  const negativeA = a[2] && isNegative(s, a[0], a[1]);
  const negativeB = b[2] && isNegative(s, b[0], b[1]);
  let sum = 0;
  for (let k = 0; k < Math.ceil(width / 16); k++) {
    for (let i = 0; i <= k; i++) {
      sum += limb(s, a[0], a[1], negativeA, i) * limb(s, b[0], b[1], negativeB, k - i);
    }
    const low = sum % 65536;
    s[to + (k >> 1)] = k % 2 === 0 ? low : s[to + (k >> 1)] | (low << 16);
    sum = (sum - low) / 65536;
  }
  trim(s, to, width);
}

/** Bits 16·i to 16·i + 15 of a number, extended by its sign. */
function limb(s: Uint32Array, from: number, width: number, negative: boolean, i: number): number {
  const above = 16 * i + 16 - width;
  if (above >= 16) return negative ? 0xffff : 0;
  const bits = (s[from + (i >> 1)] >>> (16 * (i & 1))) & 0xffff;
  return negative && above > 0 ? bits | ((0xffff << (16 - above)) & 0xffff) : bits;
}

function isNegative(s: Uint32Array, from: number, width: number): boolean {
  return ((s[from + ((width - 1) >> 5)] >>> ((width - 1) & 31)) & 1) === 1;
}

/** Clears the bits above the width. */
function trim(s: Uint32Array, at: number, width: number): void {
  if (width % 32 > 0) s[at + (width >> 5)] &= 2 ** (width % 32) - 1;
}
