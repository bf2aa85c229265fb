/**
 * The dot product of two MX blocks as hardware: docs/numerics.md, section 2.
 *
 * The sum of 32 products is exact: integers of int8 (and of fp4 in halves), or multiples of 2^-18 of
 * e4m3. One conversion rounds it, with both scales, to f32.
 */
import { E2M1_VALUES, E8M0_NAN, encodeF8E4M3 } from '../../../../base/index.ts';
import type { Logic } from '../../../../hdl/index.ts';
import { UNIT_EXPONENTS } from '../../arith/mx.ts';
import { roundF32, shiftToSubnormal } from './float.ts';
import type { Cut } from './pipeline.ts';
import { leadingZeros } from './shift.ts';

/** Activations; weights in their format (attention) or in one of their own. */
export interface DotFormats {
  readonly activation: 'mxint8' | 'mxfp8';
  readonly weight: 'mxint8' | 'mxfp8' | 'mxfp4';
}

export type DotOperands<T> = {
  /** 32 elements of a byte, element 0 lowest. */
  readonly activations: T;
  readonly weights: T;
  /** E8M0. */
  readonly activationScale: T;
  readonly weightScale: T;
  /** One bit: the weights are in the weight format. */
  readonly weightIsWeightFormat: T;
};

/** Products of e4m3 count units of 2^-18: elements are multiples of 2^-9. */
const E4M3_UNIT = 9;
const EXPONENT_BITS = 11;
const SCALE_BIAS = 127;
const F32_BIAS = 127;
/** The leading bit, the fraction, the bit below, and whether anything is below that. */
const ROUNDING_BITS = 26;

/** The byte that stands for a 4-bit element: an int8 in halves, or the equal code of e4m3. */
export function decodeMxfp4<T extends Logic<T>>(nibble: T, activation: DotFormats['activation']): T {
  const codes = Array.from(E2M1_VALUES, (value) =>
    activation === 'mxint8' ? value * 2 : encodeF8E4M3(value),
  );
  return nibble.choose(codes.map((code) => nibble.constant(code, 8)));
}

/** fround(Σ a·w · 2^(sa − 127) · 2^(sw − 127)) over a block, in f32; NaN if a scale is 255. */
export function dotBlock<T extends Logic<T>>(
  operands: DotOperands<T>,
  formats: DotFormats,
  cut: Cut<T>,
): T {
  const { activations, weights, ...scales } = operands;
  const products = formats.activation === 'mxint8' ? integerProducts : e4m3Products;
  const first = cut({
    ...products(activations.lanes(8), weights.lanes(8)),
    ...unitOf(scales, formats),
  });
  const { terms, isNaN, hasNaN, exponent } = first;
  const quarter = cut({ terms: sumTree(sumTree(terms)), isNaN: isNaN.or(hasNaN), exponent });
  const sixteenth = cut({ ...quarter, terms: sumTree(sumTree(quarter.terms)) });
  const { terms: last, ...unit } = sixteenth;
  const [sum] = sumTree(last) as [T];
  return toF32(cut({ ...unit, sum }), cut);
}

/** Signed products of 16 bits. */
function integerProducts<T extends Logic<T>>(a: readonly T[], w: readonly T[]) {
  const terms = a.map((element, i) => element.mulS(w[i]!).named('product'));
  return { terms, hasNaN: a[0]!.constant(0, 1) };
}

/** Signed products in units of 2^-18: mantissas multiply, exponents add to a shift. */
function e4m3Products<T extends Logic<T>>(a: readonly T[], w: readonly T[]) {
  const terms = a.map((code, i) => {
    const [x, y] = [splitE4m3(code), splitE4m3(w[i]!)];
    const shift = x.shift.zeroExtend(5).add(y.shift.zeroExtend(5));
    const magnitude = x.mantissa.mulU(y.mantissa).zeroExtend(37).shl(shift);
    const inverted = x.sign.xor(y.sign).repeat(37);
    return magnitude.xor(inverted).sub(inverted).named('product');
  });
  const [first, ...others] = [...a, ...w].map((code) => code.low(7).reduceAnd());
  return { terms, hasNaN: others.reduce((any, one) => any.or(one), first!).named('hasNaN') };
}

/** An E4M3 element is ± mantissa · 2^shift units of 2^-9. */
function splitE4m3<T extends Logic<T>>(code: T): { sign: T; mantissa: T; shift: T } {
  const exponent = code.slice(6, 3);
  const isNormal = exponent.reduceOr();
  return {
    sign: code.bit(7),
    mantissa: isNormal.concat(code.low(3)),
    shift: exponent.sub(isNormal.zeroExtend(4)),
  };
}

/** Sums of neighbours, each one bit wider. */
function sumTree<T extends Logic<T>>(terms: readonly T[]): T[] {
  const wide = terms.map((term) => term.signExtend(term.width + 1));
  return Array.from({ length: terms.length / 2 }, (_, i) =>
    wide[2 * i]!.add(wide[2 * i + 1]!).named('sum'),
  );
}

type Scales<T> = Omit<DotOperands<T>, 'activations' | 'weights'>;

/** The exponent of the sum's unit, signed, and whether a scale stands for NaN. */
function unitOf<T extends Logic<T>>(
  { activationScale, weightScale, weightIsWeightFormat }: Scales<T>,
  { activation, weight }: DotFormats,
) {
  const unit = (format: DotFormats['weight']): number =>
    activation === 'mxfp8' ? 2 * E4M3_UNIT : UNIT_EXPONENTS[activation] + UNIT_EXPONENTS[format];
  const bias = (format: DotFormats['weight']): number => 2 * SCALE_BIAS + unit(format);
  const scales = activationScale.zeroExtend(EXPONENT_BITS).add(weightScale.zeroExtend(EXPONENT_BITS));
  const offset = weightIsWeightFormat.mux(
    scales.constant(bias(weight)),
    scales.constant(bias(activation)),
  );
  return {
    exponent: scales.sub(offset).named('unitExponent'),
    isNaN: activationScale.eq(E8M0_NAN).or(weightScale.eq(E8M0_NAN)),
  };
}

type Block<T> = { readonly sum: T; readonly exponent: T; readonly isNaN: T };

/** fround(sum · 2^exponent), in three steps; +0 for a sum of zero. */
function toF32<T extends Logic<T>>({ sum, exponent, isNaN }: Block<T>, cut: Cut<T>): T {
  const sign = sum.high(1);
  const magnitude = sign.mux(sum.negate(), sum).low(sum.width - 1).named('magnitude');
  const absolute = cut({ sign, magnitude, exponent, isNaN });
  const normal = cut(normalize(absolute));
  const { significand, exponent: field } = shiftToSubnormal(normal.significand, normal.exponent);
  const isNormal = significand.high(1);
  const tooLarge = field.high(1).not().and(field.slice(EXPONENT_BITS - 2, 8).reduceOr().or(field.low(8).reduceAnd()));
  return roundF32(
    cut({
      sign: normal.sign,
      nan: normal.isNaN,
      infinite: tooLarge.and(normal.isZero.not()),
      exponent: field.low(8).and(isNormal.repeat(8)),
      fraction: significand.low(ROUNDING_BITS - 1),
    }),
  );
}

/** The leading one on top of 26 bits, the lowest of them sticky; the exponent of the top bit, biased. */
function normalize<T extends Logic<T>>(block: Omit<Block<T>, 'sum'> & { sign: T; magnitude: T }) {
  const { sign, magnitude, exponent, isNaN } = block;
  const zeros = leadingZeros(magnitude);
  const shifted = magnitude.shl(zeros).named('normal');
  const top = exponent.add(magnitude.width - 1 + F32_BIAS).sub(zeros.zeroExtend(EXPONENT_BITS));
  const isZero = magnitude.reduceOr().not();
  return { significand: toRounding(shifted), exponent: top.named('topExponent'), sign, isNaN, isZero };
}

function toRounding<T extends Logic<T>>(value: T): T {
  const { width } = value;
  if (width === ROUNDING_BITS) return value;
  if (width < ROUNDING_BITS) return value.concat(value.constant(0, ROUNDING_BITS - width));
  const sticky = value.low(width - ROUNDING_BITS + 1).reduceOr();
  return value.high(ROUNDING_BITS - 1).concat(sticky);
}
