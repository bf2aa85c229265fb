/**
 * Products of MX blocks: docs/numerics.md, section 2.
 *
 * The sum of 32 products is exact, so it is an integer in units of the two formats. Integers are
 * multiplied as they are; where E4M3 takes part, small significands are multiplied and the product is
 * shifted to where the exponents say. The second operand has two formats, because attention multiplies
 * activations by activations; a signal says which one.
 */
import { F8E4M3_NAN } from '../../../../base/index.ts';
import type { Logic } from '../../../../hdl/index.ts';
import type { MxFormat } from '../../../../ir/index.ts';
import { ELEMENTS, MX_ELEMENT_BITS } from '../../arith/mx.ts';
import { fixedPoint, largestShift, MAGNITUDES } from './elements.ts';
import { roundF32, shiftToSubnormal } from './float.ts';
import type { Cut } from './pipeline.ts';
import { leadingZeros } from './shift.ts';

/** The formats of a chip's matrix unit. */
export interface MatrixFormats {
  readonly activation: 'mxint8' | 'mxfp8';
  readonly weight: MxFormat;
}

/** Two blocks: codes in ascending k, and E8M0 bytes. */
export interface Blocks<T> {
  readonly a: readonly T[];
  readonly scaleA: T;
  /** Codes of `weightCodeBits`; a code of the narrower format is in the low bits. */
  readonly w: readonly T[];
  readonly scaleW: T;
  /** 1 if `w` is in the weight format, 0 if in that of activations. */
  readonly isWeight: T;
}

/** `sum` (signed, `blockSumBits`) · 2^exponent (signed, 10 bits), or NaN. */
export type BlockSum<T> = { readonly sum: T; readonly exponent: T; readonly nan: T };

export function weightCodeBits({ activation, weight }: MatrixFormats): number {
  return Math.max(MX_ELEMENT_BITS[activation], MX_ELEMENT_BITS[weight]);
}

/** Bits of the sum of a block: 21 for integers, 42 for E4M3 activations, 32 for E4M3 weights only. */
export function blockSumBits(formats: MatrixFormats): number {
  return productBits(formats) + 5;
}

/** The exact sum of the products of two blocks: six steps, eight if E4M3 takes part. */
export function dotBlock<T extends Logic<T>>(
  blocks: Blocks<T>,
  formats: MatrixFormats,
  cut: Cut<T>,
): BlockSum<T> {
  const scale = blockScale(blocks, formats);
  if (!hasExponents(formats)) {
    const products = { terms: multiplyIntegers(blocks, formats), ones: [], ...scale };
    const { terms, exponent, nan } = addUp(products, cut);
    return { sum: terms[0]!, exponent, nan };
  }
  const products = cut({ ...multiplySignificands(blocks, formats), ...scale });
  const { terms, ones, exponent, nan } = cut(addUp(alignProducts(products, formats), cut));
  const sum = terms[0]!.add(ones[0]!.zeroExtend(terms[0]!.width));
  return { sum: sum.named('blockSum'), exponent, nan };
}

function hasExponents({ activation, weight }: MatrixFormats): boolean {
  return activation === 'mxfp8' || weight === 'mxfp8';
}

/** The exponent of a sum's unit; NaN if a scale or an element is. */
function blockScale<T extends Logic<T>>(
  { a, w, scaleA, scaleW, isWeight }: Blocks<T>,
  { activation, weight }: MatrixFormats,
): { exponent: T; nan: T } {
  const units = [activation, weight].map((f) => 254 + fixedPoint(activation) + fixedPoint(f));
  const unit = isWeight.choose(units.map((value) => isWeight.constant(value, 10)));
  const scales = scaleA.zeroExtend(10).add(scaleW.zeroExtend(10));
  const nans = [scaleA.reduceAnd(), scaleW.reduceAnd()];
  if (activation === 'mxfp8') nans.push(hasNaN(a), hasNaN(w).and(isWeight.not()));
  if (weight === 'mxfp8') nans.push(hasNaN(w).and(isWeight));
  return {
    exponent: scales.sub(unit).named('sumExponent'),
    nan: nans.reduce((any, nan) => any.or(nan)),
  };
}

function hasNaN<T extends Logic<T>>(codes: readonly T[]): T {
  const [first, ...others] = codes.map((code) => code.low(7).eq(F8E4M3_NAN));
  return first!.concat(...others).reduceOr();
}

// ---- products

/** Products of int8, or of int8 and E2M1 in halves: 16 bits signed. */
function multiplyIntegers<T extends Logic<T>>(
  { a, w, isWeight }: Blocks<T>,
  { weight }: MatrixFormats,
): T[] {
  const halves = (code: T): T =>
    code.low(4).choose(Array.from(ELEMENTS.mxfp4, (value) => code.constant(value, 8)));
  const integer = (code: T): T =>
    weight === 'mxfp4' ? isWeight.mux(halves(code), code.low(8)) : code;
  return a.map((code, i) => code.mulS(integer(w[i]!)).named('product'));
}

/** ± significand · 2^shift. */
interface Scaled<T> {
  readonly sign: T;
  readonly significand: T;
  readonly shift: T;
}

/** Bits of the operands: enough for each of their formats. */
function shapeOf(formats: readonly MxFormat[]): { significand: number; shift: number } {
  const widths = formats.map((f) => (f === 'mxint8' ? 8 : MAGNITUDES[f].mantissaBits + 1));
  const shifts = formats.map((f) => Math.ceil(Math.log2(largestShift(f) + 1)));
  return { significand: Math.max(...widths), shift: Math.max(...shifts, 1) };
}

function multiplySignificands<T extends Logic<T>>(
  { a, w, isWeight }: Blocks<T>,
  { activation, weight }: MatrixFormats,
): { products: T[]; shifts: T[]; negative: T[] } {
  const shape = shapeOf([activation, weight]);
  const pairs = a.map((code, i) => {
    const [asIs, asWeight] = [activation, weight].map((f) => decode(w[i]!, f, shape));
    const second = activation === weight ? asIs! : choose(isWeight, asWeight!, asIs!);
    return [decode(code, activation, shapeOf([activation])), second] as const;
  });
  return {
    products: pairs.map(([x, y]) => x.significand.mulU(y.significand).named('product')),
    shifts: pairs.map(([x, y]) => x.shift.zeroExtend(5).add(y.shift.zeroExtend(5))),
    negative: pairs.map(([x, y]) => x.sign.xor(y.sign)),
  };
}

function choose<T extends Logic<T>>(condition: T, yes: Scaled<T>, no: Scaled<T>): Scaled<T> {
  return {
    sign: condition.mux(yes.sign, no.sign),
    significand: condition.mux(yes.significand, no.significand),
    shift: condition.mux(yes.shift, no.shift),
  };
}

function decode<T extends Logic<T>>(
  code: T,
  format: MxFormat,
  shape: { readonly significand: number; readonly shift: number },
): Scaled<T> {
  const sign = code.bit(MX_ELEMENT_BITS[format] - 1);
  const { mantissaBits } = MAGNITUDES[format];
  if (format === 'mxint8') {
    const magnitude = code.low(8).xor(sign.repeat(8)).add(sign.zeroExtend(8));
    return { sign, significand: magnitude, shift: code.constant(0, shape.shift) };
  }
  const exponent = code.slice(MX_ELEMENT_BITS[format] - 2, mantissaBits);
  const leading = exponent.reduceOr();
  const shift = exponent.sub(leading.zeroExtend(exponent.width));
  return {
    sign,
    significand: leading.concat(code.low(mantissaBits)).zeroExtend(shape.significand),
    shift: shift.zeroExtend(shape.shift),
  };
}

/** Bits of a signed product in its place: its largest pair of formats decides. */
function productBits(formats: MatrixFormats): number {
  if (!hasExponents(formats)) return 16;
  const { activation, weight } = formats;
  const bits = [activation, weight].map((f) => {
    const shift = largestShift(activation) + largestShift(f);
    return shapeOf([activation]).significand + shapeOf([f]).significand + shift;
  });
  return Math.max(...bits) + 1;
}

/** Products in place. NOTE: -x = ~x + 1, and the ones are counted and added once, not 32 times. */
function alignProducts<T extends Logic<T>, V extends { exponent: T; nan: T }>(
  { products, shifts, negative, ...scale }: V & { products: T[]; shifts: T[]; negative: T[] },
  formats: MatrixFormats,
) {
  const bits = productBits(formats);
  const terms = products.map((product, i) => {
    const placed = product.zeroExtend(bits).shl(shifts[i]!);
    return placed.xor(negative[i]!.repeat(bits)).named('term');
  });
  return { terms, ones: negative, exponent: scale.exponent, nan: scale.nan };
}

// ---- the tree of adders

type Level<T> = { terms: T[]; ones: T[]; exponent: T; nan: T };

/** Sums of the terms (signed) and of the ones (unsigned): a step for each halving of their number. */
function addUp<T extends Logic<T>>(products: Level<T>, cut: Cut<T>): Level<T> {
  let level = products;
  while (level.terms.length > 1) {
    const { terms, ones, exponent, nan } = cut(level);
    level = {
      terms: addPairs(terms.map((term) => term.signExtend(term.width + 1))),
      ones: addPairs(ones.map((count) => count.zeroExtend(count.width + 1))),
      exponent,
      nan,
    };
  }
  return level;
}

function addPairs<T extends Logic<T>>(terms: readonly T[]): T[] {
  return Array.from({ length: terms.length / 2 }, (_, i) => terms[2 * i]!.add(terms[2 * i + 1]!));
}

// ---- to f32

/** fround(sum · 2^exponent), or NaN: five steps. */
export function blockToF32<T extends Logic<T>>(block: BlockSum<T>, cut: Cut<T>): T {
  const bits = block.sum.width - 1;
  const sign = block.sum.high(1);
  const size = block.sum.low(bits).xor(sign.repeat(bits)).add(sign.zeroExtend(bits));
  const top = block.exponent.add(127 + bits - 1);
  const sized = cut({ sign, nan: block.nan, size: size.named('size'), top });
  const counted = cut({ ...sized, zeros: leadingZeros(sized.size) });
  const { zeros, top: highest, size: magnitude, ...known } = counted;
  const normal = cut({
    ...known,
    significand: toSignificand(magnitude.shl(zeros)),
    exponent: highest.sub(zeros.zeroExtend(10)),
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
