/**
 * Blocks of FP8, given as f32: products and sums in f64, then one rounding to f32.
 *
 * A product of E4M3 values is a multiple of 2^-18 below 2^18, so sums of 32 need 41 of the 53 bits of
 * an f64: they are exact, and their order is free. The two lanes of a column hold parts of one sum.
 */
import type { FunctionBuilder } from '../function.ts';
import type { Local } from '../types.ts';
import { emitSumPair, HIGH_HALVES, LOW_HALVES } from './laneSums.ts';
import {
  emitLoadScales,
  MX_BLOCK,
  type BlockArithmetic,
  type Tile,
  type TileRow,
} from './mxDotTiles.ts';

/** Elements of one f64x2, and their bytes as f32. */
const GROUP = 2;
const GROUP_BYTES = 8;

/** Declare the locals of function `f` and give the arithmetic of FP8 blocks in it. */
export function f8Arithmetic(f: FunctionBuilder): BlockArithmetic {
  const a = [f.local('v128', 'aGroup0'), f.local('v128', 'aGroup1')];
  const w = f.local('v128', 'wGroup');
  const scales = [f.local('v128', 'wScales0'), f.local('v128', 'wScales1')] as const;
  const aScales = f.local('v128', 'aScales');
  const zero = f.local('v128', 'zero');

  const emitPromoted = (address: Local, offsetBytes: number, to: Local): void => {
    f.get(address).emit('v128.load64_zero', offsetBytes).emit('f64x2.promote_low_f32x4').set(to);
  };

  const emitGroup = ({ rows, columns }: Tile, offsetBytes: number): void => {
    rows.forEach(({ elements }, i) => emitPromoted(elements, offsetBytes, a[i]!));
    columns.forEach(({ elements }, column) => {
      emitPromoted(elements, offsetBytes, w);
      rows.forEach(({ sums }, i) => {
        f.get(a[i]!).get(w).emit('f64x2.mul');
        if (offsetBytes > 0) f.get(sums[column]!).emit('f64x2.add');
        f.set(sums[column]!);
      });
    });
  };

  /** Push the f64x2 of two columns' sums times scales. */
  const emitScaledPair = (first: Local, second: Local, wScales: Local): void => {
    emitSumPair(f, first, second);
    // NOTE: a sum of products that are all -0 is -0 here, and must be +0.
    f.get(zero).emit('f64x2.add');
    f.get(aScales).get(wScales).emit('f64x2.mul').emit('f64x2.mul');
    f.emit('f32x4.demote_f64x2_zero');
  };

  return {
    elementSizeBytes: 4,
    emitSums(tile: Tile): void {
      for (let group = 0; group < MX_BLOCK / GROUP; group++) emitGroup(tile, group * GROUP_BYTES);
      emitLoadScales(f, tile, scales[0]);
      f.get(scales[0]).get(scales[0]).emit('i8x16.shuffle', HIGH_HALVES);
      f.emit('f64x2.promote_low_f32x4').set(scales[1]);
      f.get(scales[0]).emit('f64x2.promote_low_f32x4').set(scales[0]);
    },
    emitScaled({ columns }: Tile, { sums, scale }: TileRow): void {
      f.get(scale).emit('v128.load32_splat').emit('f64x2.promote_low_f32x4').set(aScales);
      const [s0, s1, s2, s3] = sums;
      if (columns.length === 1) {
        emitScaledPair(s0!, s0!, scales[0]);
        return;
      }
      emitScaledPair(s0!, s1!, scales[0]);
      emitScaledPair(s2!, s3!, scales[1]);
      f.emit('i8x16.shuffle', LOW_HALVES);
    },
  };
}
