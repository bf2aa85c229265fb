/**
 * The operators of the hardware layer and what each means.
 *
 * A value is a vector of bits; `value` reads it as an unsigned number, `signed` in two's complement.
 * A meaning gives any integer congruent to the result modulo 2^width; who calls it keeps the low bits.
 * This table is the judge: `Bits` runs it, the simulator and Verilator are tested against it.
 */

/** What a meaning reads of an operand. */
export interface OperandValue {
  readonly width: number;
  readonly value: bigint;
  readonly signed: bigint;
}

/** Operands, width of the result, and for a slice its lowest bit. */
type Meaning = (operands: readonly OperandValue[], width: number, low: number) => bigint;

export const MEANINGS = {
  not: ([a]) => ~a.value,
  and: ([a, b]) => a.value & b.value,
  or: ([a, b]) => a.value | b.value,
  xor: ([a, b]) => a.value ^ b.value,
  add: ([a, b]) => a.value + b.value,
  sub: ([a, b]) => a.value - b.value,
  mulU: ([a, b]) => a.value * b.value,
  mulS: ([a, b]) => a.signed * b.signed,
  eq: ([a, b]) => BigInt(a.value === b.value),
  ltU: ([a, b]) => BigInt(a.value < b.value),
  ltS: ([a, b]) => BigInt(a.signed < b.signed),
  shl: ([a, n]) => a.value << shiftOf(n, a.width),
  shr: ([a, n]) => a.value >> shiftOf(n, a.width),
  sra: ([a, n]) => a.signed >> shiftOf(n, a.width),
  reduceAnd: ([a]) => BigInt(a.signed === -1n),
  reduceOr: ([a]) => BigInt(a.value !== 0n),
  reduceXor: ([a]) => BigInt(a.value.toString(2).replaceAll('0', '').length % 2),
  concat: (parts) => parts.reduce((all, part) => (all << BigInt(part.width)) | part.value, 0n),
  slice: ([a], _width, low) => a.value >> BigInt(low),
  mux: ([select, ...options]) => optionAt(options, select.value).value,
} as const satisfies Readonly<Record<string, Meaning>>;

export type Operator = keyof typeof MEANINGS;

/** The value of an operator's result, reduced to `width` bits, as an unsigned number. */
export function evaluate(
  operator: Operator,
  operands: readonly OperandValue[],
  width: number,
  low: number,
): bigint {
  const meaning: Meaning = MEANINGS[operator];
  return BigInt.asUintN(width, meaning(operands, width, low));
}

/** Shifts by the width or more leave only zeros or signs; the bound keeps bigints small. */
function shiftOf(amount: OperandValue, width: number): bigint {
  return amount.value < BigInt(width) ? amount.value : BigInt(width);
}

/** A multiplexer with fewer options than its index can name repeats the last. */
function optionAt(options: readonly OperandValue[], index: bigint): OperandValue {
  return options[index < BigInt(options.length) ? Number(index) : options.length - 1];
}
