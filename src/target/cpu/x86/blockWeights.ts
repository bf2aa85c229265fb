/**
 * Weights of one row of attention over a block of 32 keys, by running maxima (flash attention): a kernel that has the scores
 * of a block in registers weighs them here, so that all kernels have the same bits.
 */
import {
  at,
  mask,
  merging,
  type FunctionBuilder,
  type General,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { emitExp, emitReduce, type Constants } from './lanes.ts';

/** Keys of a block. */
export const KEYS = 32;
export const LINE_BYTES = 64;
/** Masks of the keys of a block that a row sees, sixteen each. */
export const LANES = [mask(1), mask(2)] as const;

/** What is kept of the rows of a tile: of each an f32, a vector of sums, a vector of one factor, weights of a block. */
interface Rows {
  readonly maximum: General;
  readonly sum: General;
  readonly factors: Memory;
  readonly weights: Memory;
}

/** Weights of a row from its scores, its maximum and sum with them, and the factor of what was before. */
export function emitWeights(
  f: FunctionBuilder,
  constants: Constants,
  { maximum, sum, factors, weights }: Rows,
  row: number,
  scores: readonly [Vector, Vector],
): void {
  const [most, before] = [f.vector(512), f.vector(512)];
  f.emit('vbroadcastss', before, at(maximum, 4 * row)).emit('vmovups', most, before);
  scores.forEach((score, h) => f.emit('vmaxps', merging(most, LANES[h]!), most, score));
  emitReduce(f, 'vmaxps', most);
  f.emit('vmovss', at(maximum, 4 * row), { ...most, bits: 128 });
  f.emit('vsubps', before, before, most);
  emitExp(f, constants, before);
  f.emit('vmovups', offset(factors, LINE_BYTES * row), before);
  f.emit('vmulps', before, before, at(sum, LINE_BYTES * row));
  scores.forEach((score, h) => {
    f.emit('vsubps', score, score, most);
    emitExp(f, constants, score, LANES[h]);
    f.emit('vaddps', before, before, score);
    f.emit('vmovups', offset(weights, 4 * KEYS * row + LINE_BYTES * h), score);
  });
  f.emit('vmovups', at(sum, LINE_BYTES * row), before).free(before, most);
}

export function offset(memory: Memory, bytes: number): Memory {
  return { ...memory, displacement: memory.displacement + bytes };
}
