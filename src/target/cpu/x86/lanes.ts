/** Vectors of sixteen f32: exp, sums and maxima over their lanes (those of eight too), 16 × 16 turned around. */
import {
  mask,
  at,
  resized,
  broadcast,
  type Assembler,
  type FunctionBuilder,
  type Label,
  type Mask,
  type Memory,
  type Vector,
  zeroing,
} from '../../../x86/index.ts';

import { isWide } from './width.ts';

/** Coefficients that code reads from memory beside it. */
export class Constants {
  readonly #label: Label;
  readonly #values: readonly number[];

  constructor(assembler: Assembler, values: readonly number[]) {
    this.#values = values;
    this.#label = assembler.constant(new Uint8Array(Float32Array.from(values).buffer));
  }

  /** A value, in every lane. Throws RangeError if it is none of the constants. */
  every(value: number): Memory {
    return broadcast(this.one(value));
  }

  /** A value, once. */
  one(value: number): Memory {
    const index = this.#values.indexOf(value);
    if (index < 0) throw new RangeError(`a constant must be one of ${this.#values}, not ${value}`);
    return at(this.#label, 4 * index);
  }
}

const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;
/**
 * Below this exp counts as 0. It is far from the smallest f32: numbers near that are slow, a hundred cycles an
 * operation, and beside a sum of at least 1 nobody sees 2^-92.
 */
const SMALLEST = -64;
const AT_LEAST = 13;
const LARGE_ENOUGH = mask(7);
/** exp(r) = 1 + r + r²·P(r), |r| ≤ ln 2 / 2; the coefficients of P, highest first [Cephes, single/expf.c]. */
const POLYNOMIAL = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
  5.0000001201e-1,
] as const;

/** What `emitExp` needs among the constants. */
export const EXP_CONSTANTS = [SMALLEST, Math.LOG2E, LN2_HIGH, LN2_LOW, 1, ...POLYNOMIAL] as const;

/** x becomes exp(x), for x ≤ 88; relative error below 2^-22, 0 below −64. Lanes outside `lanes`, if given, become 0. Uses k7. */
export function emitExp(f: FunctionBuilder, constants: Constants, x: Vector, lanes?: Mask): void {
  const [n, power] = [f.vector(512), f.vector(512)];
  const [first, second, ...others] = POLYNOMIAL;
  f.emit('vcmpps', LARGE_ENOUGH, x, constants.every(SMALLEST), AT_LEAST);
  f.emit('vmulps', n, x, constants.every(Math.LOG2E));
  f.emit('vrndscaleps', n, n, 0);
  for (const part of [LN2_HIGH, LN2_LOW]) f.emit('vfnmadd231ps', x, n, constants.every(part));
  f.emit('vbroadcastss', power, constants.one(first));
  for (const coefficient of [second, ...others, 1, 1]) {
    f.emit('vfmadd213ps', power, x, constants.every(coefficient));
  }
  f.emit('vscalefps', zeroing(x, LARGE_ENOUGH), power, n);
  if (lanes) f.emit('vmovups', zeroing(x, lanes), x);
  f.free(power, n);
}

/** x becomes 1 / x, for rows that are divided by it: a division takes as long as sixteen products. */
export function emitInverse(f: FunctionBuilder, constants: Constants, x: Vector): void {
  const one = f.vector(512);
  f.emit('vbroadcastss', one, constants.one(1)).emit('vdivps', x, one, x).free(one);
}

/** All lanes of x become the result of `op` over all of them; always in the same order. */
export function emitReduce(
  f: FunctionBuilder,
  op: 'vaddps' | 'vmaxps' | 'vpaddd',
  x: Vector,
): void {
  if (!isWide(f)) return reduceNarrow(f, op, x);
  const other = f.vector(512);
  for (const order of [0x4e, 0xb1]) f.emit('vshuff32x4', other, x, x, order).emit(op, x, x, other);
  for (const order of [0x4e, 0xb1]) f.emit('vpermilps', other, x, order).emit(op, x, x, other);
  f.free(other);
}

function reduceNarrow(f: FunctionBuilder, op: 'vaddps' | 'vmaxps' | 'vpaddd', x: Vector): void {
  const other = f.vector(128);
  const low = resized(x, 128);
  f.emit('vextractf128', other, x, 1).emit(op, low, low, other);
  for (const order of [0x4e, 0xb1])
    f.emit('vpermilps', other, low, order).emit(op, low, low, other);
  f.emit('vbroadcastss', x, low).free(other);
}

/**
 * Sixteen rows of sixteen, turned around: the result's vector c has column c. The rows' registers are used up;
 * one more is taken meanwhile.
 */
export function emitTranspose(f: FunctionBuilder, rows: readonly Vector[]): Vector[] {
  const pairs = (op: 'vunpcklps' | 'vunpcklpd' | 'vshuff32x4', a: Vector, b: Vector) =>
    op === 'vshuff32x4' ? shuffled(f, a, b) : unpacked(f, op, a, b);
  // Within 128-bit lanes: columns 4L + j of four rows, for the lanes L.
  const quads = [0, 4, 8, 12].map((row) => {
    const [low0, high0] = pairs('vunpcklps', rows[row]!, rows[row + 1]!);
    const [low1, high1] = pairs('vunpcklps', rows[row + 2]!, rows[row + 3]!);
    return [...pairs('vunpcklpd', low0, low1), ...pairs('vunpcklpd', high0, high1)];
  });
  const columns: Vector[] = [];
  for (let j = 0; j < 4; j++) {
    const [even0, odd0] = pairs('vshuff32x4', quads[0]![j]!, quads[1]![j]!);
    const [even1, odd1] = pairs('vshuff32x4', quads[2]![j]!, quads[3]![j]!);
    const [first, third] = pairs('vshuff32x4', even0, even1);
    const [second, fourth] = pairs('vshuff32x4', odd0, odd1);
    [columns[j], columns[4 + j], columns[8 + j], columns[12 + j]] = [first, second, third, fourth];
  }
  return columns;
}

/** The low and the high halves interleaved; takes a register and gives one back. */
function unpacked(
  f: FunctionBuilder,
  op: 'vunpcklps' | 'vunpcklpd',
  a: Vector,
  b: Vector,
): [Vector, Vector] {
  const low = f.vector(512);
  f.emit(op, low, a, b)
    .emit(op === 'vunpcklps' ? 'vunpckhps' : 'vunpckhpd', b, a, b)
    .free(a);
  return [low, b];
}

/** The even and the odd 128-bit lanes of both; takes a register and gives one back. */
function shuffled(f: FunctionBuilder, a: Vector, b: Vector): [Vector, Vector] {
  const even = f.vector(512);
  f.emit('vshuff32x4', even, a, b, 0x88).emit('vshuff32x4', b, a, b, 0xdd).free(a);
  return [even, b];
}
