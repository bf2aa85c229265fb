/**
 * Matrices [out, in] stored row by row as small codes, with a scale for each group of elements:
 *
 *   value = (code − zero) · scale · factor / divisor
 *
 * The products of codes, scales and factors of all these formats are exact in f64, so a value is
 * rounded once, to f32. Where there is a divisor (NVFP4), code · scale is exact in f32 already, and only
 * the quotient is rounded.
 */
import { FormatError } from '../../../base/index.ts';
import { decoderOf } from '../tensorValues.ts';
import type { Decoder } from '../tensorValues.ts';
import type { StoredTensor } from '../safetensors.ts';
import { placeOf, readRowBytes, requireShape, shapeError } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { requireDtype } from './format.ts';

/** Values of rows, `groups` for each, row-major. */
export interface RowValues {
  readonly tensor: StoredTensor;
  readonly read: (start: number, rows: number) => Float32Array;
}

export interface ScaledRows {
  readonly codes: StoredTensor;
  readonly shape: readonly [out: number, width: number];
  /** The bytes of a row to the numbers that its codes stand for. */
  readonly unpack: (row: Uint8Array, out: Float32Array) => void;
  readonly scales: RowValues;
  readonly zeros?: RowValues | undefined;
  /** Columns that share a scale; a row has as many groups as hold all of them. */
  readonly columns: number;
  /** Group of each column; without it, groups are in order. */
  readonly columnGroups?: StoredTensor | undefined;
  /** One number, by which all values are multiplied, or divided. */
  readonly factor?: StoredTensor | undefined;
  readonly divisor?: StoredTensor | undefined;
}

/** The value of each byte as an int8. */
export function unpackInt8(row: Uint8Array, out: Float32Array): void {
  out.set(new Int8Array(row.buffer, row.byteOffset, row.length));
}

/** The weight that is stored so. */
export function scaledRows(rows: ScaledRows): Weight {
  const { codes, shape, scales, zeros, columnGroups, factor, divisor } = rows;
  const others = [scales.tensor, zeros?.tensor, columnGroups, factor, divisor];
  const [height, width] = shape;
  return {
    shape,
    stored: [codes, ...others.filter((tensor) => tensor !== undefined)],
    rowBytes: height === 0 ? 0 : codes.sizeBytes / height,
    decodeRows: (start, out) => decodeRows(rows, start, width === 0 ? 0 : out.length / width, out),
  };
}

function decodeRows(rows: ScaledRows, start: number, count: number, out: Float32Array): void {
  const { codes, shape, unpack, columns } = rows;
  const width = shape[1];
  const groups = Math.ceil(width / columns);
  const bytes = readRowBytes(codes, start, count);
  const rowBytes = bytes.length / Math.max(count, 1);
  const scales = rows.scales.read(start, count);
  const zeros = rows.zeros?.read(start, count);
  const order = rows.columnGroups && readGroups(rows.columnGroups, width, groups);
  const [factor, divisor] = [oneNumber(rows.factor), oneNumber(rows.divisor)];
  for (let row = 0; row < count; row++) {
    const values = out.subarray(row * width, (row + 1) * width);
    unpack(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), values);
    const own = {
      scales: scales.subarray(row * groups, (row + 1) * groups),
      zeros: zeros?.subarray(row * groups, (row + 1) * groups),
    };
    if (order === undefined) scaleInOrder(values, own, columns, factor);
    else scaleByIndex(values, own, order, factor);
    if (divisor !== 1) for (let i = 0; i < width; i++) values[i] = values[i]! / divisor;
  }
}

interface RowScales {
  readonly scales: Float32Array;
  readonly zeros: Float32Array | undefined;
}

/** Groups of `columns` columns, one after the other. */
function scaleInOrder(
  values: Float32Array,
  { scales, zeros }: RowScales,
  columns: number,
  factor: number,
): void {
  for (let group = 0; group < scales.length; group++) {
    const scale = scales[group]! * factor;
    const zero = zeros === undefined ? 0 : zeros[group]!;
    const end = Math.min((group + 1) * columns, values.length);
    for (let i = group * columns; i < end; i++) values[i] = (values[i]! - zero) * scale;
  }
}

/** Columns in any order, each of the group given. */
function scaleByIndex(
  values: Float32Array,
  { scales, zeros }: RowScales,
  groupOf: Int32Array,
  factor: number,
): void {
  for (let i = 0; i < values.length; i++) {
    const group = groupOf[i]!;
    const zero = zeros === undefined ? 0 : zeros[group]!;
    values[i] = (values[i]! - zero) * (scales[group]! * factor);
  }
}

/** Group of each column (act-order). Throws FormatError when one is no group. */
export function readGroups(tensor: StoredTensor, width: number, groups: number): Int32Array {
  requireDtype(tensor, 'I32');
  requireShape(tensor, [width]);
  const groupOf = new Int32Array(readRowBytes(tensor, 0, width).buffer);
  const bad = groupOf.find((group) => group < 0 || group >= groups);
  if (bad === undefined) return groupOf;
  throw new FormatError(`a column must belong to one of the ${groups} groups, not to ${bad}`, {
    where: placeOf(tensor),
    hint: 'get the file again: it is damaged, or belongs to another model',
  });
}

function oneNumber(tensor: StoredTensor | undefined): number {
  if (tensor === undefined) return 1;
  return decoderOf(tensor)(readRowBytes(tensor, 0, 1))[0]!;
}

/** A tensor that must hold one number. */
export function requireOne(tensor: StoredTensor): StoredTensor {
  if (tensor.shape.every((extent) => extent === 1)) return tensor;
  throw shapeError(tensor, 'one element');
}

/** Rows and columns of a matrix that share a scale. */
export type BlockShape = readonly [rows: number, columns: number];

/**
 * Scales in a matrix [⌈out / rows⌉, ⌈in / columns⌉], or in as many elements in one extent where the
 * other is 1. Throws ShapeError for any other shape.
 */
export function blockScales(
  tensor: StoredTensor,
  [out, width]: readonly [number, number],
  [rows, columns]: BlockShape,
  decode: Decoder = decoderOf(tensor),
): RowValues {
  const grid = [Math.ceil(out / rows), Math.ceil(width / columns)] as const;
  const squeezed = tensor.shape.length < 2 && grid.includes(1);
  if (!squeezed || (tensor.shape[0] ?? 1) !== grid[0] * grid[1]) requireShape(tensor, grid);
  const matrix = { ...tensor, shape: grid };
  return { tensor, read: (start, count) => readBlockRows(matrix, decode, rows, start, count) };
}

/** The row of scales of each of `count` rows. */
function readBlockRows(
  scales: StoredTensor,
  decode: Decoder,
  rows: number,
  start: number,
  count: number,
): Float32Array {
  const groups = scales.shape[1]!;
  const first = Math.floor(start / rows);
  const last = Math.floor((start + count - 1) / rows);
  const values = decode(readRowBytes(scales, first, count === 0 ? 0 : last - first + 1));
  const result = new Float32Array(count * groups);
  for (let row = 0; row < count; row++) {
    const from = (Math.floor((start + row) / rows) - first) * groups;
    result.set(values.subarray(from, from + groups), row * groups);
  }
  return result;
}

/**
 * The block of each scale, from the shapes alone: one scale for all, for each row, or for as many
 * columns as divide the width. Throws ShapeError when they do not.
 */
export function blockOfScales(
  tensor: StoredTensor,
  [out, width]: readonly [number, number],
): BlockShape {
  const [rows = 1, groups = 1, ...rest] = tensor.shape;
  const fits = rest.length === 0 && (rows === out || rows === 1) && width % groups === 0;
  if (fits) return [rows === out ? 1 : Math.max(out, 1), Math.max(width / groups, 1)];
  throw shapeError(tensor, `${out} rows or one, and columns that divide ${width}`);
}

/** Extents of a matrix of codes, each of which holds `perCode` elements. Throws ShapeError for other ranks. */
export function matrixShape(
  tensor: StoredTensor,
  perCode = 1,
): readonly [out: number, width: number] {
  const [out, width, ...rest] = tensor.shape;
  if (out !== undefined && width !== undefined && rest.length === 0) return [out, width * perCode];
  throw shapeError(tensor, `two extents, because ${tensor.dtype} weights are scaled in blocks`);
}
