/** Adding across lanes: shuffles that bring the parts of sums together. */
import type { FunctionBuilder } from '../function.ts';
import type { Local } from '../types.ts';

// Lanes of two vectors of four 32-bit lanes, 0-3 and 4-7, as the byte lanes of i8x16.shuffle.
const lanes32 = (...lanes: readonly number[]): readonly number[] =>
  lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);

/** a0 b0 a1 b1 */
const INTERLEAVED_LOW = lanes32(0, 4, 1, 5);
/** a2 b2 a3 b3 */
const INTERLEAVED_HIGH = lanes32(2, 6, 3, 7);

/** Shuffle that takes the low 64 bits of both operands. */
export const LOW_HALVES = lanes32(0, 1, 4, 5);

/** Shuffle that takes the high 64 bits of both operands. */
export const HIGH_HALVES = lanes32(2, 3, 6, 7);

/** Emit: push the f64x2 (a0 + a1, b0 + b1). */
export function emitSumPair(f: FunctionBuilder, a: Local, b: Local): FunctionBuilder {
  f.get(a).get(b).emit('i8x16.shuffle', LOW_HALVES);
  f.get(a).get(b).emit('i8x16.shuffle', HIGH_HALVES);
  return f.emit('f64x2.add');
}

/** Emit: push the i32x4 of the sums of the four lanes of a, b, c and d; uses `scratch`. */
export function emitSumFour(
  f: FunctionBuilder,
  [a, b, c, d]: readonly [Local, Local, Local, Local],
  scratch: readonly [Local, Local],
): FunctionBuilder {
  for (const [x, y, half] of [[a, b, scratch[0]] as const, [c, d, scratch[1]] as const]) {
    f.get(x).get(y).emit('i8x16.shuffle', INTERLEAVED_LOW);
    f.get(x).get(y).emit('i8x16.shuffle', INTERLEAVED_HIGH);
    f.emit('i32x4.add').set(half); // x0+x2 y0+y2 x1+x3 y1+y3
  }
  f.get(scratch[0]).get(scratch[1]).emit('i8x16.shuffle', LOW_HALVES);
  f.get(scratch[0]).get(scratch[1]).emit('i8x16.shuffle', HIGH_HALVES);
  return f.emit('i32x4.add');
}
