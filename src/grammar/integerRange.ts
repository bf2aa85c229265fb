/** Whole numbers within bounds, as decimal digits. */
import { byteRange, oneOf, repeat, sequence, text, type Piece } from './network.ts';
import { digit, MAX_DIGITS } from './jsonText.ts';

export const LARGEST = 10 ** MAX_DIGITS - 1;

/** The integers from `least` to `most`, both within ±LARGEST; there is no way when there are none. */
export function integersBetween(least: number, most: number): Piece {
  const pieces: Piece[] = [];
  if (least < 0) {
    const magnitudes = naturalsBetween(Math.max(1, -most), -least);
    pieces.push(sequence(text('-'), magnitudes));
  }
  if (most >= 0) pieces.push(naturalsBetween(Math.max(0, least), most));
  return oneOf(...pieces);
}

/** Natural numbers, one alternative for each count of digits. */
function naturalsBetween(least: number, most: number): Piece {
  const pieces: Piece[] = [];
  for (let length = 1; length <= MAX_DIGITS; length++) {
    const low = Math.max(least, length === 1 ? 0 : 10 ** (length - 1));
    const high = Math.min(most, 10 ** length - 1);
    if (low <= high) pieces.push(digitsBetween(String(low), String(high)));
  }
  return oneOf(...pieces);
}

/** Numbers of equally many digits: those that share the first digit of a bound go on within it. */
function digitsBetween(low: string, high: string): Piece {
  const rest = low.length - 1;
  if (rest < 0) return sequence();
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit, low.length, low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) return sequence(text(low[0]!), digitsBetween(lowRest, highRest));
  const between = sequence(byteRange(0x31 + first, 0x2f + last), repeat(digit, rest, rest));
  return oneOf(
    sequence(text(low[0]!), digitsBetween(lowRest, '9'.repeat(rest))),
    ...(last - first > 1 ? [between] : []),
    sequence(text(high[0]!), digitsBetween('0'.repeat(rest), highRest)),
  );
}
