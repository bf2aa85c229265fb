/**
 * Sums of products of codes and activations, four columns of a row side by side: bytes from 0 on, and bytes with signs.
 *
 * By what the host has (byteProducts.ts). Whole: it adds four products in i32. Narrow: it adds two in i16, exactly for
 * codes below 2^7, and so are sums of as many as stay below 2^15, which are then added in i32; codes of more than 6 bits
 * are cut into two slices of 4, each with sums of its own. Wide: codes and activations become i16, the even columns and
 * the odd, and two products are added in i32.
 */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';
import type { ByteProducts } from './byteProducts.ts';
import { vectorLocals } from './panelTile.ts';
import { constantLocal, VECTOR_BYTES } from './vectors.ts';

/** Sums of rows of x and vectors of rows of w. */
export interface ByteSums {
  /** Starts from 0. */
  clear(): void;
  /** Adds the products of four columns, `at` bytes behind the pointers to rows of x. */
  add(x: readonly Local[], at: number, codes: readonly Local[]): void;
  /** Pushes the sums of row m and the i-th vector, in i32. */
  push(m: number, i: number): void;
}

/** Emits what is to come before the loops, for so many rows of x and vectors of codes up to `largest`. */
export type MakeSums = (
  f: FunctionBuilder,
  rows: number,
  count: number,
  largest: number,
) => ByteSums;

export const BYTE_SUMS: Readonly<Record<ByteProducts, MakeSums>> = {
  none: wideSums,
  sevenBits: narrowSums,
  eightBits: wholeSums,
};

const LARGEST_ACTIVATION = 127;
const LARGEST_SUM = 2 ** 15 - 1;
const UNCUT_BITS = 6;
const SLICE_BITS = 4;
const BYTE_BITS = 8;

function wholeSums(f: FunctionBuilder, rows: number, count: number): ByteSums {
  const sums = vectorLocals(f, rows, count);
  const a = f.local('v128');
  return {
    clear: () => clear(f, sums),
    add(x, at, codes) {
      for (const [m, row] of sums.entries()) {
        f.get(x[m]!).emit('v128.load32_splat', at).set(a);
        for (const [i, sum] of row.entries()) {
          f.get(a).get(codes[i]!).get(sum);
          f.emit('i32x4.relaxed_dot_i8x16_i7x16_add_s').set(sum);
        }
      }
    },
    push: (m, i) => void f.get(sums[m]![i]!),
  };
}

function wideSums(f: FunctionBuilder, rows: number, count: number): ByteSums {
  const sums = vectorLocals(f, rows, count);
  const halves = vectorLocals(f, 2, count);
  const a = vectorLocals(f, 1, 2)[0]!;
  const mask = constantLocal(f, 'i16x8', 2 ** BYTE_BITS - 1);
  return {
    clear: () => clear(f, sums),
    add(x, at, codes) {
      for (const [i, code] of codes.entries()) {
        f.get(code).get(mask).emit('v128.and').set(halves[0]![i]!);
        f.get(code).i32(BYTE_BITS).emit('i16x8.shr_u').set(halves[1]![i]!);
      }
      for (const [m, row] of sums.entries()) {
        f.get(x[m]!).emit('v128.load32_splat', at).tee(a[1]!);
        f.i32(BYTE_BITS).emit('i16x8.shl').i32(BYTE_BITS).emit('i16x8.shr_s').set(a[0]!);
        f.get(a[1]!).i32(BYTE_BITS).emit('i16x8.shr_s').set(a[1]!);
        for (const [i, sum] of row.entries()) {
          for (const [half, codes] of halves.entries()) {
            f.get(codes[i]!).get(a[half]!).emit('i32x4.dot_i16x8_s');
            f.get(sum).emit('i32x4.add').set(sum);
          }
        }
      }
    },
    push: (m, i) => void f.get(sums[m]![i]!),
  };
}

function narrowSums(f: FunctionBuilder, rows: number, count: number, largest: number): ByteSums {
  const slices = slicesOf(f, count, largest);
  const most = Math.floor(LARGEST_SUM / (2 * LARGEST_ACTIVATION * slices.largest));
  const sums = slices.factors.map(() => vectorLocals(f, rows, count));
  const [totals, a] = [vectorLocals(f, rows, count), f.local('v128')];
  const state = { inLane: 0, hasTotals: false };
  const push = (m: number, i: number): void => {
    for (const [slice, factor] of slices.factors.entries()) {
      f.get(sums[slice]![m]![i]!).get(factor).emit('i32x4.dot_i16x8_s');
      if (slice > 0) f.emit('i32x4.add');
    }
    if (state.hasTotals) f.get(totals[m]![i]!).emit('i32x4.add');
  };
  const flush = (): void => {
    for (const [m, row] of totals.entries()) {
      for (const [i, total] of row.entries()) {
        push(m, i);
        f.set(total);
      }
    }
    Object.assign(state, { inLane: 0, hasTotals: true });
  };
  return {
    clear: () => void Object.assign(state, { inLane: 0, hasTotals: false }),
    add(x, at, codes) {
      if (state.inLane === most) flush();
      const cut = slices.cut(codes);
      for (const [m, pointer] of x.entries()) {
        f.get(pointer).emit('v128.load32_splat', at).set(a);
        for (const [slice, codes] of cut.entries()) {
          for (const [i, sum] of sums[slice]![m]!.entries()) {
            f.get(a).get(codes[i]!).emit('i16x8.relaxed_dot_i8x16_i7x16_s');
            if (state.inLane > 0) f.get(sum).emit('i16x8.add');
            f.set(sum);
          }
        }
      }
      state.inLane++;
    },
    push,
  };
}

/** Whether narrow sums are of codes in two slices. */
export function isCut(largest: number): boolean {
  return largest >= 2 ** UNCUT_BITS;
}

/** The slices of codes, the largest that one has, and what the sums of each are multiplied with. */
interface Slices {
  readonly largest: number;
  readonly factors: readonly Local[];
  cut(codes: readonly Local[]): readonly (readonly Local[])[];
}

function slicesOf(f: FunctionBuilder, count: number, largest: number): Slices {
  if (!isCut(largest))
    return { largest, factors: [constantLocal(f, 'i16x8', 1)], cut: (codes) => [codes] };
  const slices = vectorLocals(f, 2, count);
  const most = 2 ** SLICE_BITS - 1;
  const mask = constantLocal(f, 'i8x16', most);
  const factors = [constantLocal(f, 'i16x8', 1), constantLocal(f, 'i16x8', 2 ** SLICE_BITS)];
  const cut = (codes: readonly Local[]) => {
    for (const [i, code] of codes.entries()) {
      f.get(code).get(mask).emit('v128.and').set(slices[0]![i]!);
      f.get(code).i32(SLICE_BITS).emit('i16x8.shr_u').get(mask).emit('v128.and');
      f.set(slices[1]![i]!);
    }
    return slices;
  };
  return { largest: most, factors, cut };
}

function clear(f: FunctionBuilder, sums: readonly (readonly Local[])[]): void {
  for (const sum of sums.flat()) f.emit('v128.const', new Uint8Array(VECTOR_BYTES)).set(sum);
}
