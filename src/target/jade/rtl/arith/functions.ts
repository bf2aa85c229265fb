/**
 * The steps of exp2, reciprocal and rsqrt that are neither a sum nor a product of f32.
 *
 * With `addF32` and `mulF32` between them they make the functions of docs/numerics.md, section 3, to the
 * last bit; `composition.ts` writes them out. Seeds and tables are those of `arith`.
 */
import type { Logic } from '../../../../hdl/index.ts';
import { EXP2_TABLE, RECIPROCAL_TABLE, RSQRT_TABLE } from '../../arith/functions.ts';
import { CANONICAL_NAN } from '../../arith/rows.ts';
import {
  exponentOf,
  fractionOf,
  INFINITY,
  isInfinite,
  isNaN,
  isZero,
  magnitudeOf,
  signOf,
} from './float.ts';
import type { Cut } from './pipeline.ts';
import { leadingZeros } from './shift.ts';

/** Entry `index` of a table of f32; the last beyond its end. */
function lookUp<T extends Logic<T>>(table: Float32Array, index: T): T {
  const words = new Uint32Array(table.buffer);
  return index.choose(Array.from(words, (word) => index.constant(word, 32)));
}

// ---- exp2(x) = 2^i · T[n] · 2^r, with j = 32·i + n the nearest integer to 32·x

/** What exp2 does to the polynomial of r: class (2 bits), i (8 bits, modulo 256) and n (5 bits). */
export const POWER_WIDTH = 15;

/** The classes of a power: results that need no polynomial, and the others. */
const CLASSES = { finite: 0, zero: 1, infinite: 2, nan: 3 } as const;

const SMALLEST_EXPONENT = 121; // below, |x| < 1/64, so j = 0
const OVERFLOW = 0x43000000; // 128
const UNDERFLOW = 0x42fc0000; // 126

/** x as the f32 r, |r| ≤ 1/64, and the power that remains; in three steps. */
export function exp2Split<T extends Logic<T>>(x: T, cut: Cut<T>): { r: T; power: T } {
  const exponent = exponentOf(x);
  const distance = exponent.low(4).sub(SMALLEST_EXPONENT % 16);
  const significand = x.constant(1, 1).concat(fractionOf(x));
  const fixed = cut({
    x,
    /** 32·|x| in units of 2^-24. */
    scaled: significand.zeroExtend(36).shl(distance).named('scaled'),
    isSmall: exponent.ltU(SMALLEST_EXPONENT),
    class: classOfPower(x),
  });
  const rounded = cut({
    small: fixed.x,
    isSmall: fixed.isSmall,
    ...roundToTable(fixed.scaled, signOf(fixed.x), fixed.isSmall, fixed.class),
  });
  const r = rounded.isSmall.mux(rounded.small, toF32(rounded.sign, rounded.rest));
  return { r, power: rounded.power };
}

function classOfPower<T extends Logic<T>>(x: T): T {
  const [sign, magnitude] = [signOf(x), magnitudeOf(x)];
  const nan = isNaN(x);
  const infinite = sign.not().and(magnitude.geU(OVERFLOW));
  const zero = sign.and(magnitude.constant(UNDERFLOW).ltU(magnitude));
  return nan.or(infinite).concat(nan.or(zero));
}

/** The power nearest to x, half a step going up, and the rest in units of 2^-29. */
function roundToTable<T extends Logic<T>>(scaled: T, sign: T, isSmall: T, powerClass: T) {
  const [whole, fraction] = [scaled.high(12), scaled.low(24)];
  const isAbove = fraction.low(23).reduceOr();
  const away = fraction.high(1).and(sign.not().or(isAbove)).named('roundAway');
  // NOTE: -(n + 1) is ~n, so the negative j = ~whole + 1 - away.
  const j = whole.zeroExtend(13).xor(sign.repeat(13)).add(sign.xor(away).zeroExtend(13));
  const index = j.and(isSmall.not().repeat(13)).named('tableSteps');
  return {
    sign: sign.xor(away),
    rest: fraction.xor(away.repeat(24)).add(away.zeroExtend(24)).named('rest'),
    power: powerClass.concat(index),
  };
}

/** A number of 24 bits in units of 2^-29 as f32, +0 if zero. */
function toF32<T extends Logic<T>>(sign: T, units: T): T {
  const zeros = leadingZeros(units);
  const normal = units.shl(zeros).named('normalRest');
  const exponent = zeros.constant(SMALLEST_EXPONENT, 8).sub(zeros.zeroExtend(8));
  const isNonZero = normal.high(1);
  return sign.concat(exponent, normal.low(23)).and(isNonZero.repeat(32));
}

/** T[n], the factor of the polynomial. */
export function exp2Factor<T extends Logic<T>>(power: T): T {
  return lookUp(EXP2_TABLE, power.low(5));
}

/** fround(T[n] · p) · 2^i, or what its class says. */
export function exp2Finish<T extends Logic<T>>(product: T, power: T): T {
  const exponent = exponentOf(product).add(power.slice(12, 5));
  const finite = product.constant(0, 1).concat(exponent, fractionOf(product));
  const { zero, infinite, nan } = CLASSES;
  const results: (T | number)[] = [finite];
  results[zero] = 0;
  results[infinite] = INFINITY;
  results[nan] = CANONICAL_NAN;
  return power.high(2).choose(results);
}

// ---- reciprocal(x), |x| = m · 2^q

/** m as f32, 1 ≤ m < 2, for every x. */
export function mantissaOf<T extends Logic<T>>(x: T): T {
  return x.constant(127, 9).concat(fractionOf(x));
}

/** R[⌊(m-1)·64⌋]. */
export function reciprocalSeed<T extends Logic<T>>(x: T): T {
  return lookUp(RECIPROCAL_TABLE, fractionOf(x).high(6));
}

/** ±y · 2^-q, ±0 where that is subnormal; or what the class of x says. */
export function reciprocalFinish<T extends Logic<T>>(y: T, x: T): T {
  const power = exponentOf(x);
  const biased = exponentOf(y).zeroExtend(9).add(127).sub(power.zeroExtend(9));
  const isTiny = biased.high(1).or(biased.reduceOr().not());
  const vanishes = isTiny.or(power.reduceAnd()).named('vanishes');
  const finite = biased.low(8).concat(fractionOf(y)).and(vanishes.not().repeat(31));
  const magnitude = power.reduceOr().mux(finite, INFINITY);
  return isNaN(x).mux(CANONICAL_NAN, signOf(x).concat(magnitude));
}

// ---- rsqrt(x), x = m · 4^q

/** Q[⌊(m-1)·32⌋]. */
export function rsqrtSeed<T extends Logic<T>>(x: T): T {
  const isBelowTwo = exponentOf(x).bit(0);
  const [first, second] = [x.bit(22), x.slice(21, 17)];
  const above = first.concat(first.not(), second);
  return lookUp(RSQRT_TABLE, isBelowTwo.mux(x.slice(22, 18).zeroExtend(7), above));
}

/** m/2 as f32, ½ ≤ m/2 < 2. */
export function rsqrtHalf<T extends Logic<T>>(x: T): T {
  const isBelowTwo = exponentOf(x).bit(0);
  return x.constant(63, 8).concat(isBelowTwo.not(), fractionOf(x));
}

/** y · 2^-q, or what the class of x says. */
export function rsqrtFinish<T extends Logic<T>>(y: T, x: T): T {
  const power = exponentOf(x);
  const q = power.high(7).zeroExtend(8).add(power.low(1).zeroExtend(8)).sub(64);
  const finite = x.constant(0, 1).concat(exponentOf(y).sub(q), fractionOf(y));
  const invalid = isNaN(x).or(signOf(x).and(isZero(x).not()));
  const known = power.reduceOr().mux(isInfinite(x).mux(0, finite), INFINITY);
  return invalid.mux(CANONICAL_NAN, known);
}

// ---- powers of two

/** The f32 2^(s-127) of an E8M0 byte, NaN for 255: a product with it scales exactly as `arith` does. */
export function e8m0ToF32<T extends Logic<T>>(scale: T): T {
  const normal = scale.constant(0, 1).concat(scale, scale.constant(0, 23));
  const subnormal = scale.reduceOr().mux(normal, 1 << 22);
  return scale.reduceAnd().mux(CANONICAL_NAN, subnormal);
}
