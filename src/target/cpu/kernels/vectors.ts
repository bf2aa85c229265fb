/**
 * Pieces of code that the kernels share: addresses, loops over vectors, sums over lanes.
 *
 * A row is walked in whole vectors of four elements, then element by element; a single element is
 * loaded into lane 0 of a vector of zeros, so both are computed by the same code, and sums have one
 * order whatever the tiling around them.
 */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';

export const ELEMENT_BYTES = 4;
/** What every buffer starts at a multiple of. */
export const ALIGNMENT_BYTES = 64;
export const VECTOR_BYTES = 16;
export const VECTOR_ELEMENTS = VECTOR_BYTES / ELEMENT_BYTES;

/** Rounded up to where the next buffer may start. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

/** Added to a number up to 2^22, it leaves the nearest whole one, of two the even, in the last bits. */
export const ROUNDER = 1.5 * 2 ** 23;

/** How many elements are read and written at once. */
export interface Access {
  readonly bytes: number;
  /** Pops an address and pushes a vector. */
  load(f: FunctionBuilder, offsetBytes?: number): FunctionBuilder;
  /** Pops an address and a vector. */
  store(f: FunctionBuilder, offsetBytes?: number): FunctionBuilder;
}

export const WHOLE: Access = {
  bytes: VECTOR_BYTES,
  load: (f, offsetBytes = 0) => f.emit('v128.load', offsetBytes),
  store: (f, offsetBytes = 0) => f.emit('v128.store', offsetBytes),
};

export const SINGLE: Access = {
  bytes: ELEMENT_BYTES,
  load: (f, offsetBytes = 0) => f.emit('v128.load32_zero', offsetBytes),
  store: (f, offsetBytes = 0) => f.emit('v128.store32_lane', 0, offsetBytes),
};

/** Replaces each of `counts`, in elements, by bytes. */
export function scaleToBytes(f: FunctionBuilder, ...counts: readonly Local[]): void {
  for (const count of counts) f.get(count).i32(2).emit('i32.shl').set(count);
}

/** Pushes base + offset. */
export function pushSum(f: FunctionBuilder, base: Local, offset: Local): FunctionBuilder {
  return f.get(base).get(offset).emit('i32.add');
}

/** Pushes base + index · stride. */
export function pushRow(
  f: FunctionBuilder,
  base: Local,
  index: Local,
  stride: Local | number,
): FunctionBuilder {
  return f.get(base).get(index).i32(stride).emit('i32.mul').emit('i32.add');
}

/** Pushes the product of counts. */
export function pushProduct(
  f: FunctionBuilder,
  first: Local | number,
  ...others: readonly (Local | number)[]
): FunctionBuilder {
  f.i32(first);
  for (const other of others) f.i32(other).emit('i32.mul');
  return f;
}

/** Moves a pointer on by the product of counts of elements. */
export function advanceElements(
  f: FunctionBuilder,
  pointer: Local,
  ...counts: readonly Local[]
): void {
  f.get(pointer);
  pushProduct(f, ELEMENT_BYTES, ...counts)
    .emit('i32.add')
    .set(pointer);
}

/**
 * Runs `body` at the byte offset of each vector of a row of `sizeBytes`, then of each element that
 * is left over.
 */
export function forRow(
  f: FunctionBuilder,
  sizeBytes: Local,
  body: (offset: Local, access: Access) => void,
): void {
  const offset = f.local('i32');
  const whole = f.local('i32');
  f.get(sizeBytes).i32(-VECTOR_BYTES).emit('i32.and').set(whole);
  f.forLoop(offset, 0, whole, VECTOR_BYTES, () => body(offset, WHOLE));
  f.forLoop(offset, offset, sizeBytes, ELEMENT_BYTES, () => body(offset, SINGLE));
}

/** Lanes 2, 3, 0, 1 of the first operand. */
const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];

/** Lanes 1, 0, 3, 2 of the first operand. */
const SWAP_NEIGHBOURS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

/** Pops a vector and pushes one whose lanes all hold its sum or maximum; `scratch` is overwritten. */
export function reduceLanes(
  f: FunctionBuilder,
  op: 'f32x4.add' | 'f32x4.max' | 'i32x4.add' | 'i32x4.max_s',
  scratch: Local,
): FunctionBuilder {
  for (const lanes of [SWAP_HALVES, SWAP_NEIGHBOURS]) {
    f.tee(scratch).get(scratch).get(scratch).emit('i8x16.shuffle', lanes).emit(op);
  }
  return f;
}

/** Pushes a constant in all four lanes. */
export function pushSplat(f: FunctionBuilder, value: number): FunctionBuilder {
  return f.emit('f32.const', value).emit('f32x4.splat');
}

/** A new local with a constant in all lanes; loops that it is emitted before need not make it again. */
export function constantLocal(
  f: FunctionBuilder,
  lanes: 'i8x16' | 'i16x8' | 'i32x4' | 'f32x4',
  value: number,
): Local {
  const local = f.local('v128');
  if (lanes === 'f32x4') pushSplat(f, value).set(local);
  else f.i32(value).emit(`${lanes}.splat`).set(local);
  return local;
}
