/**
 * Quantising to MX blocks: docs/numerics.md, section 1, the rule for results (not the search for weights).
 *
 * A group's largest magnitude has its largest exponent field, so the scale needs no comparison of
 * numbers. Each element is then rounded by itself. The format is a parameter of the generator.
 */
import { E2M1, E8M0_NAN, F8E4M3, type Minifloat } from '../../../../base/index.ts';
import type { Logic } from '../../../../hdl/index.ts';
import type { MxFormat } from '../../../../ir/index.ts';
import { LARGEST_EXPONENTS, MX_ELEMENT_BITS, SCALE_LIMIT } from '../../arith/mx.ts';
import { exponentOf, fractionOf, shiftToSubnormal, signOf } from './float.ts';
import type { Cut } from './pipeline.ts';

/** The magnitudes of each format; those of mxint8 are a minifloat with no exponent but the subnormals'. */
const MAGNITUDES: Readonly<Record<MxFormat, Minifloat>> = {
  mxint8: { mantissaBits: 6, bias: 1, maxCode: 127 },
  mxfp8: F8E4M3,
  mxfp4: E2M1,
};

/** The larger of two exponent fields, or of any unsigned numbers of one width. */
export function larger<T extends Logic<T>>(a: T, b: T): T {
  return a.ltU(b).mux(b, a);
}

/** The largest exponent field (8 bits) of f32; a step for each halving of their number. */
export function largestExponent<T extends Logic<T>>(values: readonly T[], cut: Cut<T>): T {
  let exponents = values.map(exponentOf);
  while (exponents.length > 1) exponents = cut(halve(exponents));
  return exponents[0]!;
}

function halve<T extends Logic<T>>(exponents: readonly T[]): T[] {
  return Array.from({ length: Math.ceil(exponents.length / 2) }, (_, i) => {
    const [a, b] = exponents.slice(2 * i, 2 * i + 2);
    return b === undefined ? a! : larger(a!, b).named('largestExponent');
  });
}

/** The E8M0 byte of a group with this largest exponent field: 255 if one is NaN or infinite. */
export function scaleByte<T extends Logic<T>>(exponent: T, format: MxFormat): T {
  const emax = LARGEST_EXPONENTS[format];
  const [lowest, highest] = [127 - SCALE_LIMIT, 127 + SCALE_LIMIT];
  const isLow = exponent.ltU(lowest + emax);
  const isHigh = exponent.constant(highest + emax).ltU(exponent);
  const clamped = isLow.mux(lowest, isHigh.mux(highest, exponent.sub(emax)));
  return exponent.reduceAnd().mux(E8M0_NAN, clamped);
}

/**
 * The code of x · 2^(127-scale) in `format`, nearest, ties to even, saturated; 0 under scale 255. Two
 * steps. `scale` is of a group with x in it, so x is finite unless it is 255.
 */
export function encodeElement<T extends Logic<T>>(
  x: T,
  scale: T,
  format: MxFormat,
  cut: Cut<T>,
): T {
  const magnitudeBits = MX_ELEMENT_BITS[format] - 1;
  const scaled = cut(scaleElement(x, scale, MAGNITUDES[format]));
  const magnitude = roundMagnitude(scaled, MAGNITUDES[format], magnitudeBits);
  const code = signed(scaled.sign, magnitude, format);
  return code.and(scaled.isNaN.not().repeat(magnitudeBits + 1));
}

/** x as a significand that ends in a sticky bit, and the exponent field it would have in a wide format. */
function scaleElement<T extends Logic<T>>(x: T, scale: T, { mantissaBits, bias }: Minifloat) {
  const fraction = fractionOf(x);
  const exact = x.constant(1, 1).concat(fraction.high(mantissaBits + 1));
  const sticky = fraction.low(22 - mantissaBits).reduceOr();
  const exponent = exponentOf(x).zeroExtend(9).sub(scale.zeroExtend(9)).add(bias);
  return {
    sign: signOf(x),
    significand: exact.concat(sticky),
    exponent: exponent.named('elementExponent'),
    isNaN: scale.reduceAnd(),
  };
}

/** Codes are ordered like magnitudes: rounding up carries into the exponent by itself. */
function roundMagnitude<T extends Logic<T>>(
  scaled: { readonly significand: T; readonly exponent: T },
  { mantissaBits, maxCode }: Minifloat,
  bits: number,
): T {
  const { significand, exponent } = shiftToSubnormal(scaled.significand, scaled.exponent);
  const [sticky, half, odd] = [0, 1, 2].map((i) => significand.bit(i));
  const up = half!.and(odd!.or(sticky!)).zeroExtend(bits + 1);
  const exponentBits = bits + 1 - mantissaBits;
  const field = exponent.low(exponentBits).and(significand.high(1).repeat(exponentBits));
  const code = field
    .concat(significand.slice(mantissaBits + 1, 2))
    .add(up)
    .named('roundedCode');
  const isOver = exponent.constant(maxCode >> mantissaBits).ltU(exponent);
  const isAbove = code.constant(maxCode).ltU(code);
  return isOver.or(isAbove).mux(code.constant(maxCode, bits), code.low(bits));
}

/** Integers are in two's complement, floats have a sign bit, also in front of 0. */
function signed<T extends Logic<T>>(sign: T, magnitude: T, format: MxFormat): T {
  if (format !== 'mxint8') return sign.concat(magnitude);
  const inverted = magnitude.zeroExtend(8).xor(sign.repeat(8));
  return inverted.add(sign.zeroExtend(8));
}
