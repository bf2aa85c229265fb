/**
 * Rows of activations in 8 bits, as products on panels take them: blocks of 32 columns, each 32 int8, then the scale
 * (f32), then −128 times their sum (i32).
 *
 * The scale is the largest magnitude / 127; a number is the nearest integer, of two the even one, to x · (127 / largest).
 * Where the largest is below 2^-100 all are 0.
 */
import { type FunctionBuilder, type Local, type ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import {
  ELEMENT_BYTES,
  pushProduct,
  pushRow,
  pushSplat,
  reduceLanes,
  VECTOR_BYTES,
} from './vectors.ts';

export const ACTIVATION_BLOCK = { columns: 32, bytes: 40, scaleAt: 32, sumAt: 36 } as const;
const SMALLEST = 2 ** -100;
const LARGEST_LEVEL = 127;
const VECTORS = 8;

/** Adds `quantizeRows`. */
export function addQuantizeRows(module: ModuleBuilder): void {
  const spec = { params: KERNELS.quantizeRows, exported: true };
  module.addFunction('quantizeRows', spec, (f, { x, xStride, out, rows, K }) => {
    const [row, k, from] = [f.local('i32', 'row'), f.local('i32', 'k'), f.local('i32', 'from')];
    pushProduct(f, xStride, ELEMENT_BYTES).set(xStride);
    f.forLoop(row, 0, rows, 1, () => {
      pushRow(f, x, row, xStride).set(from);
      f.forLoop(k, 0, K, ACTIVATION_BLOCK.columns, () => {
        quantizeBlock(f, from, out);
        f.advance(from, ACTIVATION_BLOCK.columns * ELEMENT_BYTES);
        f.advance(out, ACTIVATION_BLOCK.bytes);
      });
    });
  });
}

function quantizeBlock(f: FunctionBuilder, from: Local, out: Local): void {
  const [largest, scratch, inverse] = [f.local('v128'), f.local('v128'), f.local('v128')];
  const values = Array.from({ length: VECTORS }, () => f.local('v128'));
  const total = f.local('v128');
  pushSplat(f, 0);
  for (const [i, value] of values.entries()) {
    f.get(from)
      .emit('v128.load', VECTOR_BYTES * i)
      .tee(value);
    f.emit('f32x4.abs').emit('f32x4.max');
  }
  reduceLanes(f, 'f32x4.max', scratch).set(largest);
  f.get(out).get(largest);
  pushSplat(f, LARGEST_LEVEL).emit('f32x4.div');
  f.emit('v128.store32_lane', 0, ACTIVATION_BLOCK.scaleAt);
  pushSplat(f, LARGEST_LEVEL).get(largest).emit('f32x4.div');
  f.get(largest);
  pushSplat(f, SMALLEST).emit('f32x4.ge').emit('v128.and').set(inverse);
  f.emit('v128.const', new Uint8Array(VECTOR_BYTES));
  for (const value of values) {
    f.get(value).get(inverse).emit('f32x4.mul').emit('f32x4.nearest');
    f.emit('i32x4.trunc_sat_f32x4_s').tee(value).emit('i32x4.add');
  }
  f.set(total);
  for (const [half, at] of [0, 4].entries()) {
    f.get(out);
    for (const pair of [at, at + 2]) {
      f.get(values[pair]!)
        .get(values[pair + 1]!)
        .emit('i16x8.narrow_i32x4_s');
    }
    f.emit('i8x16.narrow_i16x8_s').emit('v128.store', VECTOR_BYTES * half);
  }
  f.get(out);
  reduceLanes(f.get(total), 'i32x4.add', scratch).i32(7).emit('i32x4.shl').emit('i32x4.neg');
  f.emit('v128.store32_lane', 0, ACTIVATION_BLOCK.sumAt);
}
