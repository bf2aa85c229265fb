/**
 * Rows of activations in 8 bits, as products on panels take them: blocks of 32 columns, each 32 int8, then the scale
 * (f32), then −128 times the sum of all and of each half (i32).
 *
 * The scale is the largest magnitude / 127; a number is the nearest integer, of two the even one, to x · (127 / largest).
 * Where the largest is below 2^-100 all are 0.
 */
import type { FunctionBuilder, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { BLOCK_COLUMNS, type PanelFormat } from '../panels/panelFormats.table.ts';
import { KERNELS } from './kernels.table.ts';
import {
  ELEMENT_BYTES,
  pushProduct,
  pushRow,
  pushSplat,
  reduceLanes,
  VECTOR_BYTES,
  ROUNDER,
} from './vectors.ts';

export const ACTIVATION_BLOCK = {
  ...{ columns: 32, bytes: 48, scaleAt: 32 },
  /** The sum of all, and of a half. */
  sumAt: 36,
  halfSumsAt: [40, 44],
} as const;

/** Bytes of the activations of a block: f32, or in 8 bits. */
export function activationBytes(format: PanelFormat): number {
  return 'element' in format ? BLOCK_COLUMNS * ELEMENT_BYTES : ACTIVATION_BLOCK.bytes;
}

/** From one row of K activations in 8 bits to the next, in elements of 4 bytes. */
export function quantizedStride(K: number): number {
  return ((K / ACTIVATION_BLOCK.columns) * ACTIVATION_BLOCK.bytes) / ELEMENT_BYTES;
}

/** Where the sum of one of so many parts of a block is. */
export function sumOfPart(parts: 1 | 2, part: number): number {
  return parts === 1 ? ACTIVATION_BLOCK.sumAt : ACTIVATION_BLOCK.halfSumsAt[part as 0 | 1];
}

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
  const halves = [f.local('v128'), f.local('v128')];
  const whole = f.local('v128');
  pushSplat(f, ROUNDER).set(whole);
  pushSplat(f, 0);
  // Bits of magnitudes are in the order of the magnitudes.
  for (const [i, value] of values.entries()) {
    f.get(from)
      .emit('v128.load', VECTOR_BYTES * i)
      .tee(value);
    f.emit('f32x4.abs').emit('i32x4.max_s');
  }
  reduceLanes(f, 'i32x4.max_s', scratch).set(largest);
  f.get(out).get(largest);
  pushSplat(f, LARGEST_LEVEL).emit('f32x4.div');
  f.emit('v128.store32_lane', 0, ACTIVATION_BLOCK.scaleAt);
  pushSplat(f, LARGEST_LEVEL).get(largest).emit('f32x4.div');
  f.get(largest);
  pushSplat(f, SMALLEST).emit('f32x4.ge').emit('v128.and').set(inverse);
  for (const [half, total] of halves.entries()) {
    f.emit('v128.const', new Uint8Array(VECTOR_BYTES));
    for (const value of values.slice(4 * half, 4 * half + 4)) {
      pushSplat(f.get(value).get(inverse).emit('f32x4.mul'), ROUNDER).emit('f32x4.add');
      f.get(whole).emit('i32x4.sub').tee(value).emit('i32x4.add');
    }
    reduceLanes(f, 'i32x4.add', scratch).i32(7).emit('i32x4.shl').emit('i32x4.neg').set(total);
    f.get(out)
      .get(total)
      .emit('v128.store32_lane', 0, ACTIVATION_BLOCK.halfSumsAt[half as 0 | 1]);
  }
  for (const [half, at] of [0, 4].entries()) {
    f.get(out);
    for (const pair of [at, at + 2]) {
      f.get(values[pair]!)
        .get(values[pair + 1]!)
        .emit('i16x8.narrow_i32x4_s');
    }
    f.emit('i8x16.narrow_i16x8_s').emit('v128.store', VECTOR_BYTES * half);
  }
  f.get(out).get(halves[0]!).get(halves[1]!).emit('i32x4.add');
  f.emit('v128.store32_lane', 0, ACTIVATION_BLOCK.sumAt);
}
