/** Shifting with a sticky bit and counting leading zeros: what rounding is made of. */
import type { Logic } from '../../../../hdl/index.ts';

/** value >> amount, its lowest bit also 1 if any bit was lost: enough to round by. */
export function shiftRightSticky<T extends Logic<T>>(value: T, amount: T): T {
  const { width } = value;
  const near = saturate(amount, Math.ceil(Math.log2(width)));
  const shifted = value.shr(near).named('shifted');
  const kept = value.constant(-1).shl(near);
  const lost = value.and(kept.not()).reduceOr().named('lost');
  return shifted.high(width - 1).concat(shifted.bit(0).or(lost));
}

/** The unsigned number in `width` bits, all ones if it does not fit. */
export function saturate<T extends Logic<T>>(value: T, width: number): T {
  if (value.width <= width) return value;
  const over = value.high(value.width - width).reduceOr();
  return value.low(width).or(over.repeat(width));
}

/** The larger of a signed number and 0, as an unsigned number of one bit less. */
export function atLeastZero<T extends Logic<T>>(value: T): T {
  const width = value.width - 1;
  return value.low(width).and(value.high(1).not().repeat(width));
}

/**
 * The number of zeros above the highest one; of zero anything from width - 1 on. Halves the search; the
 * lowest bit of what is left never matters.
 */
export function leadingZeros<T extends Logic<T>>(value: T): T {
  const bits = Math.ceil(Math.log2(value.width));
  const padding = 2 ** bits - 1 - value.width;
  let rest = value;
  if (padding < 0) rest = value.high(value.width - 1);
  if (padding > 0) rest = value.concat(value.constant(-1, padding));
  const count: T[] = [];
  for (let half = 2 ** (bits - 1); half >= 1; half /= 2) {
    const isClear = rest.high(half).reduceOr().not();
    count.push(isClear);
    if (half > 1) rest = isClear.mux(rest.low(half - 1), rest.high(half - 1));
  }
  const [first, ...lower] = count;
  return first.concat(...lower).named('leadingZeros');
}
