/**
 * Where a value lies on the chip, and how views of it are read.
 *
 * Rows are indexed by t (token of the step, sequences one after another) and, for values with heads,
 * by head j. An f32 value is merged: row t holds all channels. An MX value is merged, or has one MX
 * row a head.
 */
import { UnsupportedError } from '../../../base/index.ts';
import { isMx, lastDim, type MxFormat, type Node } from '../../../ir/index.ts';
import { mxRowBytes } from '../layout.ts';
import type { Context } from './context.ts';
import { shift, type Ref } from './tiles.ts';

export interface FloatPlacement {
  readonly kind: 'f32';
  readonly at: Ref;
  /** Bytes from row t to t+1. */
  readonly stride: number;
  readonly rows: number;
}

export interface MxPlacement {
  readonly kind: 'mx';
  readonly format: MxFormat;
  readonly at: Ref;
  /** Bytes from token t to t+1. */
  readonly stride: number;
  /** Rows of their own for each token; 1 when merged. */
  readonly heads: number;
  /** Bytes from head j to j+1. */
  readonly headStride: number;
  /** Elements of one row. */
  readonly width: number;
  readonly rows: number;
}

export type Placement = FloatPlacement | MxPlacement;

/** The placement of a value that is computed or a view of one that is. */
export function placeOf(context: Context, node: Node): Placement {
  const placed = findPlace(context, node);
  if (placed === undefined) throw new Error(`no placement for ${node.op} (${node.label})`);
  return placed;
}

/** The same, or undefined when the value is not on the chip as a whole. */
export function findPlace(context: Context, node: Node): Placement | undefined {
  const known = context.values.get(node);
  if (known !== undefined || !isView(node)) return known;
  const placed = findPlace(context, node.inputs[0]!);
  return placed === undefined || node.op !== 'lastToken' ? placed : lastRows(context, placed);
}

function isView({ op, type }: Node): boolean {
  return (
    op === 'lastToken' || (type.dtype === 'f32' && (op === 'splitHeads' || op === 'mergeHeads'))
  );
}

export function floatOf(context: Context, node: Node): FloatPlacement {
  const placed = placeOf(context, node);
  if (placed.kind !== 'f32') throw new Error(`${node.op} (${node.label}) must be f32`);
  return placed;
}

export function mxOf(context: Context, node: Node): MxPlacement {
  const placed = placeOf(context, node);
  if (placed.kind !== 'mx') throw new Error(`${node.op} (${node.label}) must be MX`);
  return placed;
}

/** The last token of each sequence: every T-th row. */
function lastRows(context: Context, placed: Placement): Placement {
  const { B, T } = context.dims;
  const skip = (T - 1) * placed.stride;
  return { ...placed, stride: placed.stride * T, rows: B, at: shift(placed.at, skip) };
}

/** Rows of a node's value: one a sequence after `lastToken`, else one a token. */
export function rowsOf(context: Context, node: Node): number {
  return node.type.shape[1] === 1 ? context.dims.B : context.rows;
}

/** The place a kernel writes its result to; allocated on first use, shared by the parts of a concat. */
export function destinationOf(context: Context, node: Node): Placement {
  const existing = context.values.get(node);
  if (existing !== undefined) return existing;
  const placed =
    partOfConcat(context, node) ?? overOperand(context, node) ?? allocate(context, node);
  context.values.set(node, placed);
  return placed;
}

function allocate(context: Context, node: Node): Placement {
  const rows = rowsOf(context, node);
  const heads = node.type.shape.length === 4 ? (node.type.shape[2] as number) : 1;
  const width = lastDim(node.type);
  if (!isMx(node.type.dtype)) {
    const stride = heads * width * 4;
    return {
      kind: 'f32',
      at: context.tiles.allocate(node.op, 'tensors', rows * stride),
      stride,
      rows,
    };
  }
  const format = node.type.dtype;
  const headStride = mxRowBytes(width, format);
  const stride = heads * headStride;
  const at = context.tiles.allocate(node.op, 'operands', rows * stride);
  return { kind: 'mx', format, at, stride, heads, headStride, width, rows };
}

/** A sum may overwrite the operand it was added to when nothing reads that again: the residual stream. */
function overOperand(context: Context, node: Node): FloatPlacement | undefined {
  if (node.op !== 'add') return undefined;
  const free = node.inputs.find((input) => {
    const readers = context.users.get(input)!;
    const { outputs } = context.graph;
    return (
      context.values.has(input) &&
      readers.every((reader) => context.done.has(reader)) &&
      ![...outputs.values()].includes(input)
    );
  });
  return free === undefined ? undefined : (context.values.get(free) as FloatPlacement);
}

/** A quantised part of a concat is written straight into its place there, and read there by others. */
function partOfConcat(context: Context, node: Node): MxPlacement | undefined {
  if (!isMx(node.type.dtype)) return undefined;
  const users = context.users.get(node) ?? [];
  const places = users.flatMap(({ op, inputs }) => (op === 'concat' ? inputs : []));
  if (places.filter((part) => part === node).length > 1) {
    throw new UnsupportedError('a value must be part of one concat, and once', {
      where: node.label,
    });
  }
  const user = users.find(({ op }) => op === 'concat');
  if (user === undefined) return undefined;
  const whole = destinationOf(context, user) as MxPlacement;
  const before = user.inputs.slice(0, user.inputs.indexOf(node));
  const channel = before.reduce((sum, part) => sum + lastDim(part.type), 0);
  return { ...channelsFrom(whole, channel), width: lastDim(node.type) };
}

/** A placement that starts at `channel`, a multiple of 32, of each row. */
export function channelsFrom(placed: MxPlacement, channel: number): MxPlacement {
  return { ...placed, at: shift(placed.at, mxRowBytes(channel, placed.format)) };
}
