/**
 * Where a value lies on the chip, and how views of it are read.
 *
 * Rows are indexed by t (token of the step, sequences one after another) and, for values with heads,
 * by head j. A computed f32 value is merged: row t holds all channels. An MX value is merged, or has one
 * MX row a head. Slices, repeated heads and the last tokens of f32 values are read where those lie; parts
 * of a concat are computed into it, or copied when it is first read.
 */
import { UnsupportedError } from '../../../base/index.ts';
import { isMx, lastDim, type MxFormat, type Node, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { mxRowBytes } from '../memoryRegions.ts';
import type { Context } from './context.ts';
import { shift, type Ref } from './tiles.ts';

export interface FloatPlacement {
  readonly kind: 'f32';
  readonly at: Ref;
  /** Bytes from row t to t+1. */
  readonly stride: number;
  /** Bytes from head j to j+1; without it heads lie one behind the other. */
  readonly headStride?: number;
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
  if (known !== undefined) return known;
  if (node.op === 'lastToken') {
    const placed = findPlace(context, node.inputs[0]!);
    return placed === undefined ? undefined : lastRows(context, placed);
  }
  if (node.type.dtype !== 'f32') return undefined;
  return node.op === 'concat' ? joined(context, node) : floatView(context, node);
}

/** A view of an f32 value; undefined where `node` is none, or of a value that is not on the chip. */
function floatView(context: Context, node: Node): FloatPlacement | undefined {
  const [source] = node.inputs as [Node];
  if (!['splitHeads', 'mergeHeads', 'slice', 'repeatHeads'].includes(node.op)) return undefined;
  const placed = findPlace(context, source) as FloatPlacement | undefined;
  if (placed === undefined) return undefined;
  const width = lastDim(source.type) * 4;
  switch (node.op) {
    case 'slice':
      return sliceOf(placed, source, node.attrs.start);
    case 'repeatHeads':
      return { ...placed, headStride: 0 };
    case 'mergeHeads':
      return source.type.shape[2] === 1 || (placed.headStride ?? width) === width
        ? placed
        : copied(context, node, source);
    default:
      return placed;
  }
}

/** Channels from `start` on: of each head, where a value has heads. */
function sliceOf(placed: FloatPlacement, { type }: Node, start: number): FloatPlacement {
  const at = shift(placed.at, start * 4);
  if (type.shape.length < 4) return { ...placed, at };
  return { ...placed, at, headStride: placed.headStride ?? lastDim(type) * 4 };
}

/** A concat with all its parts: those that were not computed into it are copied there. */
function joined(context: Context, node: NodeOf<'concat'>): FloatPlacement | undefined {
  const parts = node.inputs.map((part) => findPlace(context, part));
  if (parts.includes(undefined)) return undefined;
  const whole = wholeOf(context, node);
  let channel = 0;
  for (const part of node.inputs) {
    const into = sliceOf(whole, node, channel);
    copyRows(context, part, floatOf(context, part), into);
    channel += lastDim(part.type);
  }
  context.values.set(node, whole);
  return whole;
}

/** Room for a concat, whose parts may not all be there yet. */
function wholeOf(context: Context, node: Node): FloatPlacement {
  const { wholes } = context;
  const known = wholes.get(node);
  if (known !== undefined) return known;
  const placed = (partOfFloats(context, node) ?? allocate(context, node)) as FloatPlacement;
  wholes.set(node, placed);
  return placed;
}

/** `node` with its heads one behind the other, once a step. */
function copied(context: Context, node: Node, source: Node): FloatPlacement {
  const into = allocate(context, node) as FloatPlacement;
  copyRows(context, source, floatOf(context, source), into);
  context.values.set(node, into);
  return into;
}

/** Copies the rows of a value, unless they lie there. */
function copyRows(context: Context, node: Node, from: FloatPlacement, to: FloatPlacement): void {
  if (from.at.buffer === to.at.buffer && from.at.offset === to.at.offset) return;
  const columns = lastDim(node.type);
  const inner = headsOf(node);
  context.tiles.emit('copy', {
    ...{ a: from.at, aStride: from.stride, aInner: headStrideOf(from, columns) },
    ...{ aFormat: FORMAT_CODES.f32, rows: from.rows * inner, inner, columns },
    ...{ d: to.at, dStride: to.stride, dInner: headStrideOf(to, columns) },
    ...{ dFormat: FORMAT_CODES.f32, group: 0, rowCount: NONE },
  });
}

/** Bytes from head to head of rows of `columns` channels a head. */
export function headStrideOf({ headStride }: FloatPlacement, columns: number): number {
  return headStride ?? columns * 4;
}

/** Heads of a value (B,T,H,K); 1 of one that is merged. */
export function headsOf({ type }: Node): number {
  return type.shape.length === 4 ? (type.shape[2] as number) : 1;
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
  const part = isMx(node.type.dtype) ? partOfConcat(context, node) : partOfFloats(context, node);
  const placed = part ?? overOperand(context, node) ?? allocate(context, node);
  context.values.set(node, placed);
  return placed;
}

function allocate(context: Context, node: Node): Placement {
  const rows = rowsOf(context, node);
  const heads = headsOf(node);
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
      input.op !== 'concat' && // its parts may be read again by themselves
      readers.every((reader) => context.done.has(reader)) &&
      ![...outputs.values()].includes(input)
    );
  });
  return free === undefined ? undefined : (context.values.get(free) as FloatPlacement);
}

/** A quantised part of a concat is written straight into its place there, and read there by others. */
function partOfConcat(context: Context, node: Node): MxPlacement | undefined {
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

/** The same for f32, where a value that is part of several, or several times, is copied instead. */
function partOfFloats(context: Context, node: Node): FloatPlacement | undefined {
  const users = (context.users.get(node) ?? []).filter(({ op }) => op === 'concat');
  const [user] = users;
  if (user === undefined || users.length > 1) return undefined;
  const place = user.inputs.indexOf(node);
  if (place !== user.inputs.lastIndexOf(node)) return undefined;
  const before = user.inputs.slice(0, place);
  const channel = before.reduce((sum, part) => sum + lastDim(part.type), 0);
  return sliceOf(wholeOf(context, user), user, channel);
}

/** A placement that starts at `channel`, a multiple of 32, of each row. */
export function channelsFrom(placed: MxPlacement, channel: number): MxPlacement {
  return { ...placed, at: shift(placed.at, mxRowBytes(channel, placed.format)) };
}
