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

interface F8Locals {
  /** The current group of each row of A and of a column of W, as f64x2. */
  readonly a: readonly Local[];
  readonly w: Local;
  /** The block's scales: of columns 0 and 1, of columns 2 and 3, and of one row in both lanes. */
  readonly wScales: readonly [Local, Local];
  readonly aScale: Local;
  readonly zero: Local;
}

/** Declare the locals of function `f` and give the arithmetic of FP8 blocks in it. */
export function f8Arithmetic(f: FunctionBuilder): BlockArithmetic {
  const locals: F8Locals = {
    a: [f.local('v128', 'aGroup0'), f.local('v128', 'aGroup1')],
    w: f.local('v128', 'wGroup'),
    wScales: [f.local('v128', 'wScales0'), f.local('v128', 'wScales1')],
    aScale: f.local('v128', 'aScale'),
    zero: f.local('v128', 'zero'),
  };
  return {
    elementSizeBytes: 4,
    emitSums(tile: Tile): void {
      for (let group = 0; group < MX_BLOCK / GROUP; group++) {
        emitGroup(f, locals, tile, group * GROUP_BYTES);
      }
      emitPromotedScales(f, locals, tile);
    },
    emitScaled: ({ columns }: Tile, row: TileRow): void => emitRow(f, locals, row, columns.length),
  };
}

function emitGroup(f: FunctionBuilder, { a, w }: F8Locals, tile: Tile, offsetBytes: number): void {
  const load = (address: Local, to: Local): unknown =>
    f.get(address).emit('v128.load64_zero', offsetBytes).emit('f64x2.promote_low_f32x4').set(to);
  tile.rows.forEach(({ elements }, i) => load(elements, a[i]!));
  tile.columns.forEach(({ elements }, column) => {
    load(elements, w);
    tile.rows.forEach(({ sums }, i) => {
      f.get(a[i]!).get(w).emit('f64x2.mul');
      if (offsetBytes > 0) f.get(sums[column]!).emit('f64x2.add');
      f.set(sums[column]!);
    });
  });
}

function emitPromotedScales(f: FunctionBuilder, { wScales }: F8Locals, tile: Tile): void {
  const [low, high] = wScales;
  emitLoadScales(f, tile, low);
  f.get(low).get(low).emit('i8x16.shuffle', HIGH_HALVES).emit('f64x2.promote_low_f32x4').set(high);
  f.get(low).emit('f64x2.promote_low_f32x4').set(low);
}

/** Push the f32x4 of a row's scaled sums; of a single column, in lane 0. */
function emitRow(f: FunctionBuilder, locals: F8Locals, row: TileRow, numColumns: number): void {
  const { aScale, wScales } = locals;
  const [s0, s1, s2, s3] = row.sums as [Local, Local, Local, Local];
  f.get(row.scale).emit('v128.load32_splat').emit('f64x2.promote_low_f32x4').set(aScale);
  if (numColumns === 1) {
    emitScaledPair(f, locals, [s0, s0], wScales[0]);
    return;
  }
  emitScaledPair(f, locals, [s0, s1], wScales[0]);
  emitScaledPair(f, locals, [s2, s3], wScales[1]);
  f.emit('i8x16.shuffle', LOW_HALVES);
}

/** Push the scaled sums of two columns in the low lanes of an f32x4. */
function emitScaledPair(
  f: FunctionBuilder,
  { aScale, zero }: F8Locals,
  sums: readonly [Local, Local],
  wScales: Local,
): void {
  emitSumPair(f, ...sums);
  // NOTE: where all products are -0 the sum is -0 so far, and it must be +0.
  f.get(zero).emit('f64x2.add');
  f.get(aScale).get(wScales).emit('f64x2.mul').emit('f64x2.mul');
  f.emit('f32x4.demote_f64x2_zero');
}
