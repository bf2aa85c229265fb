/**
 * The dot product of two MX blocks: docs/numerics.md, section 2.
 *
 * The sum of 32 products is exact, so it is an integer: of int8 (and E2M1 in halves) in their units, of
 * E4M3 in units of 2^-18. It is rounded once, with both scales. An operand is a byte an element, int8 or
 * E4M3 as the activations; `decodeMxfp4` makes such a byte of a nibble where weights are loaded.
 */
import { E2M1_VALUES, encodeF8E4M3, F8E4M3, F8E4M3_NAN } from '../../../../base/index.ts';
import { joinLanes, type Logic } from '../../../../hdl/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../../ir/index.ts';
import { UNIT_EXPONENTS } from '../../arith/mx.ts';
import { roundF32, shiftToSubnormal } from './float.ts';
import type { Cut } from './pipeline.ts';
import { leadingZeros } from './shift.ts';

/** Formats of a matrix unit; weights are in the format of activations where attention is computed. */
export interface DotFormats {
  readonly activation: 'mxint8' | 'mxfp8';
  readonly weight: MxFormat;
}

export type DotOperands<T> = {
  /** 32 bytes, element 0 lowest. */
  readonly activations: T;
  readonly weights: T;
  /** E8M0 bytes. */
  readonly activationScale: T;
  readonly weightScale: T;
  /** One bit: 1 if the weights are in the weight format, 0 if in that of activations. */
  readonly weightIsWeightFormat: T;
};

/** A signed integer · 2^exponent (signed, 10 bits), or NaN. */
export type BlockSum<T> = { readonly sum: T; readonly exponent: T; readonly nan: T };

/** An E4M3 element is a multiple of 2^-9. */
const E4M3_UNIT = F8E4M3.bias - 1 + F8E4M3.mantissaBits;
const E4M3_PRODUCT_BITS = 37;

/** The byte that stands for an E2M1 nibble: the int8 in halves, or the E4M3 of the same value. */
export function decodeMxfp4<T extends Logic<T>>(
  nibble: T,
  activation: DotFormats['activation'],
): T {
  const codes = Array.from(E2M1_VALUES, (value) =>
    activation === 'mxint8' ? value * 2 : encodeF8E4M3(value),
  );
  return nibble.choose(codes.map((code) => nibble.constant(code, 8)));
}

/** Bits of the sum of a block. */
export function blockSumBits({ activation }: DotFormats): number {
  return (activation === 'mxint8' ? 16 : E4M3_PRODUCT_BITS) + Math.log2(MX_BLOCK);
}

/**
 * fround(Σ a·w · 2^(sa-127) · 2^(sw-127)) of a block; NaN if a scale is 255 or an element is NaN. 11 steps,
 * with E4M3 13. A sum of zeros is +0.
 */
export function dotBlock<T extends Logic<T>>(
  operands: DotOperands<T>,
  formats: DotFormats,
  cut: Cut<T>,
): T {
  const multiplyAdd = formats.activation === 'mxint8' ? sumIntegers : sumE4M3;
  return blockToF32(cut(multiplyAdd(operands, unitOf(operands, formats), cut)), cut);
}

type Unit<T> = Omit<BlockSum<T>, 'sum'>;

/** The exponent of the sum's unit, and whether a scale is NaN. */
function unitOf<T extends Logic<T>>(
  { activationScale, weightScale, weightIsWeightFormat }: DotOperands<T>,
  { activation, weight }: DotFormats,
): Unit<T> {
  const scales = activationScale.zeroExtend(10).add(weightScale.zeroExtend(10));
  const bias = (format: MxFormat): number =>
    254 + (activation === 'mxfp8' ? 2 * E4M3_UNIT : UNIT_EXPONENTS.mxint8 + UNIT_EXPONENTS[format]);
  const same = bias(weight) === bias(activation);
  const offset = same
    ? scales.constant(bias(weight))
    : weightIsWeightFormat.mux(scales.constant(bias(weight)), bias(activation));
  return {
    exponent: scales.sub(offset).named('unitExponent'),
    nan: activationScale.reduceAnd().or(weightScale.reduceAnd()),
  };
}

function sumIntegers<T extends Logic<T>>(
  { activations, weights }: DotOperands<T>,
  unit: Unit<T>,
  cut: Cut<T>,
): BlockSum<T> {
  const terms = zip(activations.lanes(8), weights.lanes(8), (a, w) => a.mulS(w).named('product'));
  const { terms: sums, exponent, nan } = addUp({ ...unit, terms, ones: [] }, cut);
  return { sum: sums[0]!, exponent, nan };
}

/** NOTE: -x = ~x + 1, and the ones are counted and added once, not 32 times. */
function sumE4M3<T extends Logic<T>>(
  { activations, weights }: DotOperands<T>,
  { exponent, nan }: Unit<T>,
  cut: Cut<T>,
): BlockSum<T> {
  const [a, w] = [activations.lanes(8), weights.lanes(8)];
  const isNaN = [...a, ...w].map((code) => code.low(7).eq(F8E4M3_NAN));
  const products = cut({
    products: zip(a.map(splitE4M3), w.map(splitE4M3), multiplyE4M3),
    exponent,
    nan: nan.or(joinLanes(isNaN).reduceOr()),
  });
  const level = {
    terms: products.products.map(placeProduct),
    ones: products.products.map(({ negative }) => negative),
    exponent: products.exponent,
    nan: products.nan,
  };
  const { terms, ones, ...unit } = cut(addUp(level, cut));
  const sum = terms[0]!.add(ones[0]!.zeroExtend(terms[0]!.width));
  return { ...unit, sum: sum.named('blockSum') };
}

/** ± significand · 2^shift, in units of 2^-9. */
interface Split<T> {
  readonly sign: T;
  readonly significand: T;
  readonly shift: T;
}

function splitE4M3<T extends Logic<T>>(code: T): Split<T> {
  const exponent = code.slice(6, 3);
  const leading = exponent.reduceOr();
  return {
    sign: code.bit(7),
    significand: leading.concat(code.low(3)),
    shift: exponent.sub(leading.zeroExtend(4)),
  };
}

type Product<T> = { readonly product: T; readonly shift: T; readonly negative: T };

function multiplyE4M3<T extends Logic<T>>(x: Split<T>, y: Split<T>): Product<T> {
  return {
    product: x.significand.mulU(y.significand).named('product'),
    shift: x.shift.zeroExtend(5).add(y.shift.zeroExtend(5)),
    negative: x.sign.xor(y.sign),
  };
}

/** A product in its place, inverted if it is negative. */
function placeProduct<T extends Logic<T>>({ product, shift, negative }: Product<T>): T {
  const placed = product.zeroExtend(E4M3_PRODUCT_BITS).shl(shift);
  return placed.xor(negative.repeat(E4M3_PRODUCT_BITS)).named('term');
}

function zip<A, B, R>(a: readonly A[], b: readonly B[], f: (a: A, b: B) => R): R[] {
  return a.map((x, i) => f(x, b[i]!));
}

// ---- the tree of adders

type Level<T> = {
  /** Signed. */
  readonly terms: readonly T[];
  /** Unsigned. */
  readonly ones: readonly T[];
  readonly exponent: T;
  readonly nan: T;
};

/** The sums of terms and of ones, a step for each halving of their number; begins with a cut. */
function addUp<T extends Logic<T>>(products: Level<T>, cut: Cut<T>): Level<T> {
  let level = products;
  while (level.terms.length > 1) {
    const { terms, ones, ...unit } = cut(level);
    level = {
      ...unit,
      terms: addPairs(terms.map((term) => term.signExtend(term.width + 1))),
      ones: addPairs(ones.map((count) => count.zeroExtend(count.width + 1))),
    };
  }
  return level;
}

function addPairs<T extends Logic<T>>(terms: readonly T[]): T[] {
  return Array.from({ length: terms.length / 2 }, (_, i) => {
    return terms[2 * i]!.add(terms[2 * i + 1]!).named('sum');
  });
}

// ---- to f32

/** fround(sum · 2^exponent), or NaN: five steps. */
export function blockToF32<T extends Logic<T>>(block: BlockSum<T>, cut: Cut<T>): T {
  const bits = block.sum.width - 1;
  const sign = block.sum.high(1);
  const magnitude = block.sum.low(bits).xor(sign.repeat(bits)).add(sign.zeroExtend(bits));
  const exponent = block.exponent.add(127 + bits - 1);
  const sized = cut({ sign, nan: block.nan, magnitude: magnitude.named('magnitude'), exponent });
  const counted = cut({ ...sized, zeros: leadingZeros(sized.magnitude) });
  const normal = cut({
    sign: counted.sign,
    nan: counted.nan,
    significand: toSignificand(counted.magnitude.shl(counted.zeros)),
    exponent: counted.exponent.sub(counted.zeros.zeroExtend(10)).named('topExponent'),
  });
  const placed = shiftToSubnormal(normal.significand, normal.exponent);
  return roundF32(cut({ sign: normal.sign, nan: normal.nan, ...fieldsOf(placed) }));
}

/** 26 bits of a normalised number, the last of them sticky. */
function toSignificand<T extends Logic<T>>(normal: T): T {
  const rest = normal.width - 25;
  if (rest <= 1) return normal.concat(normal.constant(0, 26 - normal.width));
  return normal.high(25).concat(normal.low(rest).reduceOr());
}

function fieldsOf<T extends Logic<T>>({ significand, exponent }: { significand: T; exponent: T }) {
  const leading = significand.high(1);
  return {
    infinite: leading.and(exponent.high(2).reduceOr()),
    exponent: exponent.low(8).and(leading.repeat(8)),
    fraction: significand.low(25),
  };
}
