/**
 * exp with the bits of WebAssembly's (../kernels/exponential.ts, where the method is explained): the same operations
 * in the same order, none of them fused.
 */
import { mask, zeroing, type FunctionBuilder, type Vector } from '../../../x86/index.ts';
import { LARGEST, LN2_HIGH, LN2_LOW, POLYNOMIAL, SMALLEST } from '../kernels/exponential.ts';
import type { Constants } from './lanes.ts';

const LARGE_ENOUGH = mask(7);
/** Comparison "not below", true for what is not a number. */
const NOT_BELOW = 5;
/** Added to a power of two in the place of an exponent. */
const BIAS = 127;

/** What `emitExactExp` needs among the constants. */
export const EXACT_EXP_CONSTANTS = [
  ...[SMALLEST, LARGEST, Math.LOG2E, LN2_HIGH, LN2_LOW, 1, ...POLYNOMIAL],
  ...[new Float32Array(Int32Array.of(BIAS).buffer)[0]!],
] as const;

/** x becomes exp(x). Uses k7. */
export function emitExactExp(f: FunctionBuilder, constants: Constants, x: Vector): void {
  const [n, value, product] = f.vectors(512, 3) as [Vector, Vector, Vector];
  const [first, ...others] = POLYNOMIAL;
  f.emit('vcmpps', LARGE_ENOUGH, x, constants.every(SMALLEST), NOT_BELOW);
  // Of two operands the second is the result where one is not a number.
  for (const [op, bound] of [
    ['vmaxps', SMALLEST],
    ['vminps', LARGEST],
  ] as const) {
    f.emit('vbroadcastss', product, constants.one(bound)).emit(op, x, product, x);
  }
  f.emit('vmulps', n, x, constants.every(Math.LOG2E)).emit('vrndscaleps', n, n, 0);
  for (const part of [LN2_HIGH, LN2_LOW]) {
    f.emit('vmulps', product, n, constants.every(part)).emit('vsubps', x, x, product);
  }
  f.emit('vbroadcastss', value, constants.one(first));
  for (const coefficient of others) {
    f.emit('vmulps', value, value, x).emit('vaddps', value, value, constants.every(coefficient));
  }
  f.emit('vmulps', product, x, x).emit('vmulps', value, value, product);
  f.emit('vaddps', value, value, x).emit('vaddps', value, value, constants.every(1));
  f.emit('vcvtps2dq', n, n).emit('vpaddd', n, n, constants.every(EXACT_EXP_CONSTANTS.at(-1)!));
  f.emit('vpslld', n, n, 23).emit('vmulps', zeroing(x, LARGE_ENOUGH), n, value);
  f.free(product, value, n);
}
