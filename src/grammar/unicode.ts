/** Ranges of characters as the bytes of UTF-8. */
import { byteRange, oneOf, sequence, type Piece } from './network.ts';

export const LAST_CODE_POINT = 0x10ffff;

/** Ranges of code points whose encodings are equally long, without surrogates. */
const EQUALLY_LONG = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, LAST_CODE_POINT],
] as const;

export type CodePointRange = readonly [first: number, last: number];

/** One character of the ranges. */
export function characters(ranges: readonly CodePointRange[]): Piece {
  return oneOf(...ranges.flatMap(([first, last]) => encodings(first, last)));
}

/** The ranges between the given ones, which may overlap and be in any order. */
export function otherRanges(ranges: readonly CodePointRange[]): CodePointRange[] {
  const others: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (first > next) others.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= LAST_CODE_POINT) others.push([next, LAST_CODE_POINT]);
  return others;
}

function encodings(first: number, last: number): Piece[] {
  return EQUALLY_LONG.flatMap(([low, high]) => {
    const [from, to] = [Math.max(first, low), Math.min(last, high)];
    return from <= to ? aligned(from, to) : [];
  });
}

/** Splits a range until every byte of the encoding has a range of its own; six bits go into each but the first. */
function aligned(first: number, last: number): Piece[] {
  for (const bits of [6, 12, 18]) {
    const low = (1 << bits) - 1;
    if ((first | low) === (last | low)) break;
    if ((first & low) !== 0)
      return [...aligned(first, first | low), ...aligned((first | low) + 1, last)];
    if ((last & low) !== low)
      return [...aligned(first, (last & ~low) - 1), ...aligned(last & ~low, last)];
  }
  const [lows, highs] = [first, last].map((point) =>
    new TextEncoder().encode(String.fromCodePoint(point)),
  );
  return [sequence(...Array.from(lows!, (byte, i) => byteRange(byte, highs![i]!)))];
}

/** What two lists of ranges have in common. */
export function commonRanges(
  ranges: readonly CodePointRange[],
  others: readonly CodePointRange[],
): CodePointRange[] {
  return otherRanges([...otherRanges(ranges), ...otherRanges(others)]);
}
