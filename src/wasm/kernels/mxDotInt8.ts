/**
 * Blocks of int8: products and sums in int32, then one conversion and two roundings to f32.
 *
 * Eight elements at a time are sign-extended to i16 as they are loaded; `dot_i16x8_s` multiplies and
 * adds pairs. The four lanes of a column hold parts of one sum; a tree of shuffles and adds turns four
 * columns into one vector with a sum in each lane. |sum| <= 32 · 128² = 2^19, which f32 holds exactly.
 */
import type { FunctionBuilder } from '../function.ts';
import { emitSumFour } from './laneSums.ts';
import {
  emitLoadScales,
  MX_BLOCK,
  type BlockArithmetic,
  type Tile,
  type TileRow,
} from './mxDotTiles.ts';

/** Elements of one i16x8. */
const GROUP = 8;

/** Declare the locals of function `f` and give the arithmetic of int8 blocks in it. */
export function int8Arithmetic(f: FunctionBuilder): BlockArithmetic {
  const a = [f.local('v128', 'aGroup0'), f.local('v128', 'aGroup1')];
  const w = f.local('v128', 'wGroup');
  const scales = f.local('v128', 'wScales');
  const scratch = [f.local('v128', 'half0'), f.local('v128', 'half1')] as const;

  const emitGroup = ({ rows, columns }: Tile, start: number): void => {
    rows.forEach(({ elements }, i) => f.get(elements).emit('v128.load8x8_s', start).set(a[i]!));
    columns.forEach(({ elements }, column) => {
      f.get(elements).emit('v128.load8x8_s', start).set(w);
      rows.forEach(({ sums }, i) => {
        f.get(a[i]!).get(w).emit('i32x4.dot_i16x8_s');
        if (start > 0) f.get(sums[column]!).emit('i32x4.add');
        f.set(sums[column]!);
      });
    });
  };

  return {
    elementSizeBytes: 1,
    emitSums(tile: Tile): void {
      for (let start = 0; start < MX_BLOCK; start += GROUP) emitGroup(tile, start);
      emitLoadScales(f, tile, scales);
    },
    emitScaled({ columns }: Tile, { sums, scale }: TileRow): void {
      // A single column stands for all four: only lane 0 is stored.
      const [s0, s1, s2, s3] = columns.length === 1 ? Array(4).fill(sums[0]) : sums;
      emitSumFour(f, [s0!, s1!, s2!, s3!], scratch).emit('f32x4.convert_i32x4_s');
      f.get(scale).emit('v128.load32_splat').get(scales).emit('f32x4.mul').emit('f32x4.mul');
    },
  };
}
