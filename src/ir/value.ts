/**
 * Values of the interpreter: a dtype, a resolved shape and elements, row-major.
 *
 * Movement of data is written once for all dtypes on `copyElements`; MX scales move along with their
 * elements, so MX offsets and counts are multiples of the block.
 */
import { allocateMx, type MxRows } from './numerics.ts';
import { countElements, MX_BLOCK, type DType, type MxFormat } from './types.ts';

export type F32Value = ValueOf<'f32', Float32Array>;
export type I32Value = ValueOf<'i32', Int32Array>;
export type MxValue = ValueOf<MxFormat, MxRows>;
export type Value = F32Value | I32Value | MxValue;

interface ValueOf<D extends DType, Data> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: Data;
}

export function f32Value(shape: readonly number[], data: Float32Array): F32Value {
  return { dtype: 'f32', shape, data };
}

export function i32Value(shape: readonly number[], data: Int32Array): I32Value {
  return { dtype: 'i32', shape, data };
}

/** Zeros: MX elements 0 with scale 2^0. */
export function allocateValue(dtype: DType, shape: readonly number[]): Value {
  const size = countElements(shape);
  if (dtype === 'f32') return f32Value(shape, new Float32Array(size));
  if (dtype === 'i32') return i32Value(shape, new Int32Array(size));
  const columns = shape.at(-1)!;
  return { dtype, shape, data: allocateMx(dtype, size / columns, columns) };
}

export function isMxValue(value: Value): value is MxValue {
  return value.dtype !== 'f32' && value.dtype !== 'i32';
}

/** The elements of a value that the typing rules make f32. */
export function f32Of(value: Value): Float32Array {
  if (value.dtype !== 'f32') throw new TypeError(`value must be f32, not ${value.dtype}`);
  return value.data;
}

/** The elements of a value that the typing rules make i32. */
export function i32Of(value: Value): Int32Array {
  if (value.dtype !== 'i32') throw new TypeError(`value must be i32, not ${value.dtype}`);
  return value.data;
}

/** The elements of a value that the typing rules make MX. */
export function mxOf(value: Value): MxRows {
  if (!isMxValue(value)) throw new TypeError(`value must be MX, not ${value.dtype}`);
  return value.data;
}

/** Number of rows: all axes but the last. */
export function rowCount({ shape }: Value): number {
  return countElements(shape.slice(0, -1));
}

/** The same elements in another shape. */
export function reshape(value: Value, shape: readonly number[]): Value {
  if (!isMxValue(value)) return { ...value, shape };
  const columns = shape.at(-1)!;
  return {
    ...value,
    shape,
    data: { ...value.data, rows: countElements(shape) / columns, columns },
  };
}

/** Copies `count` elements, scales included, between values of the same dtype. */
export function copyElements(
  source: Value,
  from: number,
  target: Value,
  to: number,
  count: number,
): void {
  if (!isMxValue(source)) {
    (target.data as Float32Array).set(
      (source.data as Float32Array).subarray(from, from + count),
      to,
    );
    return;
  }
  const [blocks, firstBlock] = [count / MX_BLOCK, from / MX_BLOCK];
  const rows = mxOf(target);
  rows.elements.set(source.data.elements.subarray(from, from + count), to);
  rows.scales.set(source.data.scales.subarray(firstBlock, firstBlock + blocks), to / MX_BLOCK);
}

/** Rows `first … first + count - 1` as a value (count, columns) on the same memory. */
export function viewRows(value: Value, first: number, count: number): Value {
  const columns = value.shape.at(-1)!;
  const [from, to] = [first * columns, (first + count) * columns];
  const shape = [count, columns];
  if (!isMxValue(value)) return { ...value, shape, data: value.data.subarray(from, to) } as Value;
  const { format, elements, scales } = value.data;
  const data: MxRows = {
    format,
    rows: count,
    columns,
    elements: elements.subarray(from, to),
    scales: scales.subarray(from / MX_BLOCK, to / MX_BLOCK),
  };
  return { ...value, shape, data };
}

/** Slots `first … first + count - 1` of a state (slots, …) on the same memory. */
export function viewSlots(state: Value, first: number, count: number): Value {
  const [, ...extents] = state.shape;
  const rows = countElements(extents.slice(0, -1));
  return { ...viewRows(state, first * rows, count * rows), shape: [count, ...extents] };
}

/** A copy of the rows named, in that order, as a value (rows, columns). */
export function gatherRows(value: Value, rows: readonly number[]): Value {
  const columns = value.shape.at(-1)!;
  const out = allocateValue(value.dtype, [rows.length, columns]);
  rows.forEach((row, i) => copyElements(value, row * columns, out, i * columns, columns));
  return out;
}
