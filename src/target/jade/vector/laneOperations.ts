/** What a lane does, on the bits of its operands: the meaning of `OPERATIONS`. */
import { E8M0_NAN } from '../../../base/index.ts';
import { EXP2_TABLE, RECIPROCAL_TABLE, RSQRT_TABLE } from '../arith/functions.ts';
import { powerOfTwo } from '../arith/powers.ts';
import { isLarger } from '../arith/reduce.ts';
import { CANONICAL_NAN } from '../arith/rows.ts';
import {
  ABSENT_BITS,
  CHOICES,
  CONSTANTS,
  type ConstantName,
  type Operand,
  type Operation,
} from './microOps.ts';

const { fround } = Math;
const SIGN = 0x80000000;
const LARGEST_EXPONENT = 255;

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

export function floatOf(bits: number): number {
  word[0] = bits;
  return float[0]!;
}
/** The bits of a number rounded to f32; of a NaN the canonical ones. */
export function bitsOf(value: number): number {
  float[0] = value;
  return value === value ? word[0]! : CANONICAL_NAN;
}

/** Bits of a constant that is no field. */
export function constantBits(name: ConstantName): number {
  return name === 'absent' ? ABSENT_BITS : bitsOf(CONSTANTS[name as keyof typeof CONSTANTS]);
}

/** The factor of an E8M0 byte. */
export function scaleBits(byte: number): number {
  return byte === E8M0_NAN ? CANONICAL_NAN : bitsOf(powerOfTwo(byte - 127));
}

const exponentOf = (bits: number): number => (bits >>> 23) & LARGEST_EXPONENT;
const fractionOf = (bits: number): number => bits & 0x7fffff;
const isNegative = (bits: number): boolean => bits >>> 31 === 1;
const isNaN = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;
const withExponent = (bits: number, exponent: number): number =>
  ((exponent << 23) | fractionOf(bits)) >>> 0;

/** Whether a is larger; a NaN is smaller than every number, one with its sign set smaller still. */
export function beats(a: number, b: number): boolean {
  if (isNaN(a) && isNaN(b)) return !isNegative(a) && isNegative(b);
  return isLarger(floatOf(a), floatOf(b));
}

/** B in its form, and A as that wants it. */
export function formed(a: number, b: number, form: Operand['form']): readonly [number, number] {
  switch (form) {
    case undefined:
      return [a, b];
    case 'mantissa':
      return [a, withExponent(b, 127)];
    case 'rootMantissa':
      return [a, withExponent(b, exponentOf(b) % 2 === 1 ? 126 : 127)];
    case 'scale':
      return isNegative(b) ? [withExponent(a, 127), b & ~SIGN] : [a, b];
  }
}

export interface LaneInput {
  readonly a: number;
  readonly b: number;
  readonly flag: boolean;
  readonly masked: boolean;
}
export interface LaneOutput {
  readonly bits: number;
  readonly flag: boolean;
}

/** One micro-operation of one lane. */
export function laneOperation(operation: Operation, input: LaneInput): LaneOutput {
  const { a, b, masked } = input;
  const flag = flagAfter(operation, input);
  if (masked) return { bits: CHOICES.has(operation) ? b : 0, flag };
  return { bits: resultOf(operation, a, b, flag), flag };
}

function flagAfter(operation: Operation, { a, b, flag, masked }: LaneInput): boolean {
  switch (operation) {
    case 'raw':
      return !isNegative(a);
    case 'same':
      return !beats(a, b) && !beats(b, a);
    case 'larger':
      return !masked && beats(a, b);
    case 'largerIf':
      return !masked && flag && beats(a, b);
    default:
      return flag;
  }
}

function resultOf(operation: Operation, a: number, b: number, flag: boolean): number {
  switch (operation) {
    case 'move':
      return isNaN(a) ? CANONICAL_NAN : a;
    case 'clip':
      return isNegative(a) ? 0 : a;
    case 'raw':
    case 'same':
    case 'take':
      return a;
    case 'multiply':
      return bitsOf(floatOf(a) * floatOf(b));
    case 'add':
      return bitsOf(floatOf(a) + floatOf(b));
    case 'larger':
    case 'largerIf':
    case 'select':
      return flag ? a : b;
    case 'smaller':
      return beats(a, b) ? b : a;
    case 'exp2Scale':
      return exp2Scale(floatOf(a));
    case 'exp2Fraction':
      return exp2Fraction(floatOf(a));
    case 'reciprocalSeed':
      return bitsOf(RECIPROCAL_TABLE[fractionOf(a) >>> 17]!);
    case 'reciprocalFinish':
      return reciprocalFinish(a, b);
    case 'rsqrtSeed':
      return bitsOf(RSQRT_TABLE[rsqrtIndex(a)]!);
    case 'rsqrtFinish':
      return rsqrtFinish(a, b);
  }
}

/** T[j mod 32] · 2^⌊j/32⌋, or −2^127 for 2^128. */
function exp2Scale(x: number): number {
  if (!(x < 128)) return bitsOf(x === x ? Infinity : NaN);
  if (x < -126) return 0;
  const j = Math.floor(x * 32 + 0.5);
  return j === 4096 ? bitsOf(-powerOfTwo(127)) : bitsOf(EXP2_TABLE[j & 31]! * powerOfTwo(j >> 5));
}

function exp2Fraction(x: number): number {
  return x >= -126 && x < 128 ? bitsOf(fround(x - Math.floor(x * 32 + 0.5) / 32)) : 0;
}

/** y · 2^-q with the sign of x, where |x| = m · 2^q; what would be subnormal is 0. */
function reciprocalFinish(y: number, x: number): number {
  const sign = (x & SIGN) >>> 0;
  if (isNaN(x)) return CANONICAL_NAN;
  if (exponentOf(x) === LARGEST_EXPONENT) return sign;
  if (exponentOf(x) === 0) return (sign | 0x7f800000) >>> 0;
  const exponent = exponentOf(y) + 127 - exponentOf(x);
  return exponent <= 0 ? sign : (sign | withExponent(y, exponent)) >>> 0;
}

/** Thirty-seconds from 1 up to 2, sixteenths from 2 up to 4. */
function rsqrtIndex(x: number): number {
  const isOdd = exponentOf(x) % 2 === 0;
  return isOdd ? 32 + (fractionOf(x) >>> 17) : fractionOf(x) >>> 18;
}

/** y · 2^-q, where x = m · 4^q. */
function rsqrtFinish(y: number, x: number): number {
  if (isNaN(x) || (isNegative(x) && x !== SIGN)) return CANONICAL_NAN;
  if (exponentOf(x) === 0) return 0x7f800000;
  if (exponentOf(x) === LARGEST_EXPONENT) return 0;
  const q = (exponentOf(x) - 127) >> 1;
  return withExponent(y, exponentOf(y) - q);
}
