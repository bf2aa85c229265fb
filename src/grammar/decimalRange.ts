/** Numbers with or without a fraction, between whole bounds. */
import { integersBetween, LARGEST } from './integerRange.ts';
import { digit, MAX_DIGITS } from './jsonText.ts';
import { byteRange, oneOf, repeat, sequence, text, type Piece } from './network.ts';

/** From `least` to `most`, integers within ±LARGEST; an open end does not belong to it. */
export interface Interval {
  readonly least: number;
  readonly most: number;
  readonly leastOpen: boolean;
  readonly mostOpen: boolean;
}

/** The numbers of an interval, written without exponent; there is no way when there are none. */
export function decimalsBetween({ least, most, leastOpen, mostOpen }: Interval): Piece {
  const pieces: Piece[] = [];
  if (most >= 0) {
    const open = leastOpen && least >= 0;
    pieces.push(magnitudes({ least: Math.max(0, least), most, leastOpen: open, mostOpen }));
  }
  if (least < 0) {
    // Zero has no sign.
    const mirrored = { least: Math.max(0, -most), most: -least, mostOpen: leastOpen };
    const open = most >= 0 || mostOpen;
    pieces.push(sequence(text('-'), magnitudes({ ...mirrored, leastOpen: open })));
  }
  return oneOf(...pieces);
}

/** A whole number; or one with a fraction that is not 0, short enough not to be rounded to a bound. */
function magnitudes({ least, most, leastOpen, mostOpen }: Interval): Piece {
  const whole = integersBetween(least + Number(leastOpen), most - Number(mostOpen));
  const room = MAX_DIGITS - String(most).length;
  const fractions = most === LARGEST ? MAX_DIGITS : room;
  if (fractions < 1 || most <= least) return whole;
  const floor = integersBetween(least, most === LARGEST ? most : most - 1);
  return oneOf(whole, sequence(floor, text('.'), nonzeroDigits(fractions)));
}

/** Up to `most` digits that are not all 0. */
function nonzeroDigits(most: number): Piece {
  const alternatives = Array.from({ length: most }, (_, zeros) =>
    sequence(text('0'.repeat(zeros)), byteRange(0x31, 0x39), repeat(digit, 0, most - zeros - 1)),
  );
  return oneOf(...alternatives);
}
