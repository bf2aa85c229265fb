/**
 * f32 as hardware: fields, classes, rounding, sum, product, comparison.
 *
 * Every result is that of IEEE 754 binary32 to the last bit: rounded to nearest, ties to even,
 * subnormals kept; a NaN is always the canonical one. An f32 is a vector of 32 bits.
 */
import type { Logic } from '../../../../hdl/index.ts';
import { CANONICAL_NAN } from '../../arith/rows.ts';
import type { Cut } from './pipeline.ts';
import { atLeastZero, leadingZeros, shiftRightSticky } from './shift.ts';

/** The word of +Inf. */
export const INFINITY = 0x7f800000;

// ---- fields and classes

export function signOf<T extends Logic<T>>(x: T): T {
  return x.bit(31);
}
/** 8 bits: biased by 127; 0 for zero and subnormals, 255 for infinities and NaN. */
export function exponentOf<T extends Logic<T>>(x: T): T {
  return x.slice(30, 23);
}
/** 23 bits. */
export function fractionOf<T extends Logic<T>>(x: T): T {
  return x.low(23);
}
/** |x| without its sign bit: 31 bits, which compare like the numbers. */
export function magnitudeOf<T extends Logic<T>>(x: T): T {
  return x.low(31);
}
export function isNaN<T extends Logic<T>>(x: T): T {
  return exponentOf(x).reduceAnd().and(fractionOf(x).reduceOr());
}
export function isInfinite<T extends Logic<T>>(x: T): T {
  return magnitudeOf(x).eq(INFINITY);
}
export function isZero<T extends Logic<T>>(x: T): T {
  return magnitudeOf(x).reduceOr().not();
}
export function negate<T extends Logic<T>>(x: T): T {
  return signOf(x).not().concat(magnitudeOf(x));
}
/** x, or the canonical NaN for any NaN. */
export function canonicalize<T extends Logic<T>>(x: T): T {
  return isNaN(x).mux(CANONICAL_NAN, x);
}
/** The f32 of a bf16, exactly. */
export function bf16ToF32<T extends Logic<T>>(x: T): T {
  return x.concat(x.constant(0));
}

/** 24 bits: the fraction under the bit that only normal numbers have. */
function significandOf<T extends Logic<T>>(x: T): T {
  return exponentOf(x).reduceOr().concat(fractionOf(x));
}
/** The exponent the significand has: 1 where the field says 0. */
function scaleOf<T extends Logic<T>>(x: T): T {
  const exponent = exponentOf(x);
  return exponent.or(exponent.reduceOr().not().zeroExtend(8));
}

// ---- rounding

/** A result of a class, or a number on the way to its 24 bits. */
export type Unrounded<T> = {
  readonly sign: T;
  readonly nan: T;
  /** Whether it is too large, whatever follows. */
  readonly infinite: T;
  /** 8 bits: the exponent field, 0 if the significand has no leading one. */
  readonly exponent: T;
  /** 25 bits: the fraction, the bit below it, and whether anything is below that. */
  readonly fraction: T;
};

/** The f32 nearest to a number, ties to even. */
export function roundF32<T extends Logic<T>>(number: Unrounded<T>): T {
  const { sign, exponent, fraction } = number;
  const [sticky, half, odd] = [fraction.bit(0), fraction.bit(1), fraction.bit(2)];
  const up = half.and(odd.or(sticky)).named('roundUp');
  const rounded = exponent.concat(fraction.high(23)).add(up.zeroExtend(31)).named('rounded');
  const overflow = exponent.reduceAnd().or(rounded.high(8).reduceAnd());
  const magnitude = number.infinite.or(overflow).mux(INFINITY, rounded);
  return number.nan.mux(CANONICAL_NAN, sign.concat(magnitude));
}

/** A significand whose top bit has this exponent (signed, biased by 127): shifted right until it is 1 or more. */
export function shiftToSubnormal<T extends Logic<T>>(
  significand: T,
  exponent: T,
): { significand: T; exponent: T } {
  const distance = atLeastZero(exponent.constant(1).sub(exponent));
  const isSmall = distance.reduceOr();
  return {
    significand: shiftRightSticky(significand, distance),
    exponent: isSmall.mux(1, exponent).named('raisedExponent'),
  };
}

// ---- sum, in six steps

/** fround(a + b). */
export function addF32<T extends Logic<T>>(a: T, b: T, cut: Cut<T>): T {
  const ordered = cut(orderByMagnitude(a, b));
  const { small, distance, ...exact } = ordered;
  const aligned = cut({ ...exact, small: alignSmall(small, distance) });
  const { large, small: addend, subtract, ...rest } = aligned;
  const sum = cut({ ...rest, significand: addOrSubtract(large, addend, subtract) });
  const counted = cut({ ...sum, shift: normalShift(sum.significand, sum.exponent) });
  const { shift, significand, exponent, ...known } = counted;
  const normal = significand.shl(shift).named('normalSum');
  const field = exponent.add(1).sub(shift.zeroExtend(8));
  return roundF32(
    cut({
      ...known,
      exponent: field.and(normal.high(1).repeat(8)),
      fraction: normal.slice(26, 3).concat(normal.low(3).reduceOr()),
    }),
  );
}

/** The larger magnitude, the smaller, their distance, and what is known of the result. */
function orderByMagnitude<T extends Logic<T>>(a: T, b: T) {
  const [x, y] = [magnitudeOf(a), magnitudeOf(b)];
  const swap = x.ltU(y).named('swap');
  const [large, small] = [swap.mux(y, x).named('larger'), swap.mux(x, y).named('smaller')];
  const exponent = scaleOf(large);
  const subtract = signOf(a).xor(signOf(b)).named('subtract');
  const cancels = subtract.and(x.eq(y)).named('cancels');
  return {
    large: significandOf(large),
    small: significandOf(small),
    exponent,
    distance: exponent.sub(scaleOf(small)).named('distance'),
    subtract,
    sign: swap.mux(signOf(b), signOf(a)).and(cancels.not()),
    nan: isNaN(large).or(isNaN(small)).or(cancels.and(exponent.reduceAnd())),
    infinite: exponent.reduceAnd(),
  };
}

/** 27 bits: three more than a significand, the last of them sticky. */
function alignSmall<T extends Logic<T>>(small: T, distance: T): T {
  return shiftRightSticky(small.concat(small.constant(0, 3)), distance);
}

/** 28 bits: large ± small. NOTE: large - small = ~(~large + small), which needs no carry in. */
function addOrSubtract<T extends Logic<T>>(large: T, small: T, subtract: T): T {
  const inverted = subtract.repeat(28);
  const operand = large.constant(0, 1).concat(large, large.constant(0, 3)).xor(inverted);
  return operand.add(small.zeroExtend(28)).xor(inverted).named('exactSum');
}

/** How far to shift left: to the leading one, but not below the exponent of subnormals. */
function normalShift<T extends Logic<T>>(significand: T, exponent: T): T {
  const zeros = leadingZeros(significand);
  const limited = exponent.ltU(zeros.zeroExtend(8));
  return limited.mux(exponent.low(5), zeros);
}

// ---- product, in five steps

/** fround(a · b). */
export function mulF32<T extends Logic<T>>(a: T, b: T, cut: Cut<T>): T {
  const { x, y, ...prepared } = cut(normalizeFactors(a, b));
  const partial = cut({ ...prepared, low: x.mulU(y.low(12)), high: x.mulU(y.high(12)) });
  const { low, high, ...rest } = partial;
  const upper = high.add(low.high(24).zeroExtend(36)).named('upperProduct');
  const sticky = upper.low(10).reduceOr().or(low.low(12).reduceOr());
  const product = cut({ ...rest, significand: upper.high(26).concat(sticky) });
  return roundF32(cut(placeProduct(product)));
}

/** The factors, at most one of them subnormal (the product of two vanishes), as normal significands. */
function normalizeFactors<T extends Logic<T>>(a: T, b: T) {
  const pickA = exponentOf(a).reduceOr().not();
  const [x, y] = [magnitudeOf(a), magnitudeOf(b)];
  const [low, other] = [pickA.mux(x, y).named('lower'), pickA.mux(y, x).named('other')];
  const zeros = leadingZeros(significandOf(low));
  const sum = scaleOf(low).zeroExtend(10).add(scaleOf(other).zeroExtend(10));
  const isNothing = isZero(low).named('isNothing');
  const exponent = sum.sub(126).sub(zeros.zeroExtend(10)).and(isNothing.not().repeat(10));
  const infinite = isInfinite(a).or(isInfinite(b));
  const zero = isZero(a).or(isZero(b));
  return {
    x: significandOf(low).shl(zeros).named('normalFactor'),
    y: significandOf(other),
    /** Of the top bit of the product: signed. */
    exponent: exponent.named('productExponent'),
    sign: signOf(a).xor(signOf(b)),
    nan: isNaN(a).or(isNaN(b)).or(infinite.and(zero)),
    infinite,
  };
}

type Product<T> = Omit<Unrounded<T>, 'fraction'> & { readonly significand: T };

/** Shifts a product so that its leading one, which may be in either of the two top bits, is where it belongs. */
function placeProduct<T extends Logic<T>>(product: Product<T>): Unrounded<T> {
  const { significand, exponent } = shiftToSubnormal(product.significand, product.exponent);
  const isHigh = significand.high(1);
  const stays = isHigh.or(exponent.eq(1));
  const field = exponent.sub(isHigh.not().zeroExtend(10)).named('exponentField');
  const narrow = significand.low(25).concat(significand.constant(0, 1));
  const placed = stays.mux(significand.low(26), narrow);
  return {
    sign: product.sign,
    nan: product.nan,
    infinite: product.infinite.or(field.high(2).reduceOr()),
    exponent: field.low(8),
    fraction: placed.high(24).concat(placed.low(2).reduceOr()),
  };
}

// ---- comparison

/** Whether x comes before y where the largest is first: a NaN is smaller than everything. */
export function isLarger<T extends Logic<T>>(x: T, y: T): T {
  const [mx, my] = [magnitudeOf(x), magnitudeOf(y)];
  const less = mx.ltU(my);
  const more = less.or(mx.eq(my)).not();
  const [nx, ny] = [signOf(x), signOf(y)];
  const sameSign = nx.mux(less, more);
  const otherSign = ny.and(mx.or(my).reduceOr());
  const ordered = nx.xor(ny).mux(nx.not().and(otherSign), sameSign);
  return isNaN(x).not().and(isNaN(y).or(ordered)).named('isLarger');
}

/** The larger, as Math.max: NaN if either is, and +0 is above -0. */
export function maxF32<T extends Logic<T>>(x: T, y: T): T {
  const less = magnitudeOf(x).ltU(magnitudeOf(y));
  const pickX = signOf(x)
    .xor(signOf(y))
    .mux(signOf(x).not(), less.xor(signOf(x).not()));
  return isNaN(x).or(isNaN(y)).mux(CANONICAL_NAN, pickX.mux(x, y));
}
