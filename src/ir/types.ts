/**
 * Tensor types: an element type and a shape whose dimensions are numbers or one of three symbols.
 *
 * The MX types are the OCP Microscaling formats [1]: along the last axis, 32 elements share one E8M0
 * scale byte. They appear only after the `quantize` pass of a target has run.
 *
 * [1] OCP Microscaling Formats (MX) Specification v1.0, section 5.
 */
import { ShapeError } from '../base/index.ts';

/** Formats of a block of 32 elements with one E8M0 scale. */
export const MX_FORMATS = ['mxint8', 'mxfp8', 'mxfp4'] as const;
export type MxFormat = (typeof MX_FORMATS)[number];
export type DType = 'f32' | 'i32' | MxFormat;

/** Elements along the last axis that share one scale in every MX format. */
export const MX_BLOCK = 32;

/** The elements of the whole blocks that hold `elements`. */
export function wholeBlocks(elements: number): number {
  return Math.ceil(elements / MX_BLOCK) * MX_BLOCK;
}

/** B sequences in the batch, T tokens of each in this step, S tokens of context the state holds. */
export const SYMBOLS = ['B', 'T', 'S'] as const;
export type DimSymbol = (typeof SYMBOLS)[number];
export type Dim = number | DimSymbol;
export type Shape = readonly Dim[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Values for the symbols; a program is specialised for one such binding. */
export interface Dims {
  readonly B: number;
  readonly T: number;
  readonly S: number;
}

export function isMx(dtype: DType): dtype is MxFormat {
  return dtype !== 'f32' && dtype !== 'i32';
}

export function tensor(dtype: DType, shape: Shape): TensorType {
  return { dtype, shape };
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** `f32[B,T,256]`: the text form, read back by `parse`. */
export function typeToString(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(',')}]`;
}

/** Whether a state has fixed extents (B, n, …), which a step replaces, rather than rows that it appends to. */
export function isReplaced({ dtype, shape: [batch, ...others] }: TensorType): boolean {
  const fixed = others.every((dim) => typeof dim === 'number');
  return dtype !== 'i32' && batch === 'B' && others.length > 0 && fixed;
}

/** Replaces the symbols of `shape` by their values. */
export function resolveShape(shape: Shape, dims: Dims): number[] {
  return shape.map((dim) => (typeof dim === 'number' ? dim : dims[dim]));
}

/** Number of elements of a resolved shape. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** The last dimension, which must be a number: every operator's channel axis is static. */
export function lastDim(type: TensorType): number {
  const dim = type.shape.at(-1);
  if (typeof dim !== 'number') {
    throw new ShapeError(
      `the last axis must be a number, not ${String(dim)} in ${typeToString(type)}`,
    );
  }
  return dim;
}

/** `shape` with its last axis replaced. */
export function withLast(shape: Shape, last: number): Shape {
  return [...shape.slice(0, -1), last];
}
