/**
 * Entries of compressed context: docs/numerics.md, section 4, on all tokens of a step at once. Each token's
 * entry is made as if it ended a window; those of tokens that end none are multiplied by zero. Channels are pooled
 * each by itself, so where the rows of a window are many they go some channels at a time.
 */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE, type Opcode } from '../isa.table.ts';
import { endsKey, pastKey, type ReplacedRegion } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { loadFilled } from './epilogue.ts';
import { destinationOf, floatOf, type FloatPlacement } from './placement.ts';
import { factor, into, PLAIN, source, type Fields, type Strides } from './rowFields.ts';
import { shift, type Ref } from './tiles.ts';

/** Rows on the chip are at most this share of the scratchpad. */
const SHARE = 1 / 16;

/** Channels of entries that are pooled together, and what is the same for all tokens of a window. */
interface Pool {
  readonly context: Context;
  readonly ratio: number;
  readonly overlap: boolean;
  readonly columns: number;
  /** Values of a row: for the window that the token is in and, where they overlap, the next. As many gates follow. */
  readonly halves: number;
  /** The last rows of each sequence and those of the step: from sequence to sequence, from row to row. */
  readonly rows: Ref;
  readonly strides: Strides;
  readonly bias: Ref | undefined;
  readonly zeros: Ref;
  readonly ones: Ref;
  readonly words: Words;
  readonly shape: Fields;
  /** From sequence to sequence and from token to token of what is as wide as these channels. */
  readonly own: Strides;
}

/** By position: −Inf before the first one, where windows overlap, and 1 where a window ends. */
interface Words {
  readonly past: Ref | undefined;
  readonly ends: Ref;
}

export function lowerCompress(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'compress'>;
  const { tokensPerRow: ratio, overlap } = node.attrs;
  const { T } = context.dims;
  const K = lastDim(node.type);
  const out = destinationOf(context, node) as FloatPlacement;
  const words = {
    past: overlap ? loadWords(context, pastKey(2 * ratio - 1), T + ratio - 1) : undefined,
    ends: loadWords(context, endsKey(ratio), T),
  };
  const columns = channelsTogether(context, node);
  for (let first = 0; first < K; first += columns) {
    const pool = poolOf(context, node, words, [first, Math.min(columns, K - first)]);
    lowerPool(pool, { ...out, at: shift(out.at, first * 4) });
  }
}

/** Channels whose rows have their share of the scratchpad: whole rows of lanes where they are more than that. */
function channelsTogether(
  { chip, dims: { B, T } }: Context,
  { type, inputs }: NodeOf<'compress'>,
): number {
  const K = lastDim(type);
  const [past, C] = inputs[0]!.type.shape.slice(1) as [number, number];
  const { lanes } = chip.vector;
  const fit = Math.floor((chip.scratchpad.sizeBytes * SHARE) / (B * (past + T) * (C / K) * 4));
  if (fit >= K) return K;
  return fit > lanes ? fit - (fit % lanes) : Math.max(fit, 1);
}

function lowerPool(pool: Pool, out: FloatPlacement): void {
  const { context, shape, own, columns, ratio, overlap } = pool;
  const [B, T] = [context.dims.B, context.dims.T];
  const emit = (op: Opcode, fields: Fields): void => context.tiles.emit(op, fields);
  const room = (name: string): Ref =>
    context.tiles.allocate(name, 'tensors', B * T * (own[1] as number));
  const [largest, gate, total, sum] = ['largest', 'gate', 'total', 'sum'].map(room) as [
    Ref,
    Ref,
    Ref,
    Ref,
  ];
  const terms = overlap ? 2 * ratio : ratio;
  for (let j = 0; j < terms; j++) {
    emitGate(pool, j, j === 0 ? largest : gate);
    const both = { ...source(largest, own), ...factor(gate, own) };
    if (j > 0) emit('max', { ...both, ...shape, ...into(largest, own), ...PLAIN });
  }
  const minus = factor(loadFilled(context, -1, 1), [0, 0]);
  emit('scale', { ...source(largest, own), ...minus, ...shape, ...into(largest, own), ...PLAIN });
  for (const d of [total, sum]) emit('zero', { d, dStride: columns * 4, rows: B * T, columns });
  for (let j = 0; j < terms; j++) emitTerm(pool, j, { largest, gate, total, sum });
  const quotient = { ...source(sum, own), ...factor(total, own) };
  emit('div', { ...quotient, ...shape, ...into(sum, own), ...PLAIN });
  emitEnds(pool, sum, out);
}

function poolOf(
  context: Context,
  node: NodeOf<'compress'>,
  words: Words,
  [first, columns]: readonly [number, number],
): Pool {
  const { tokensPerRow: ratio, overlap } = node.attrs;
  const { B, T } = context.dims;
  const K = lastDim(node.type);
  const halves = overlap ? 2 : 1;
  const part = { first, columns, K };
  const [rows, plane, row] = loadRows(context, node, { ...part, parts: 2 * halves });
  return {
    ...{ context, ratio, overlap, columns, halves, rows, words },
    strides: [plane, row],
    bias: node.inputs[3] && loadBias(context, node, { ...part, parts: halves }),
    zeros: loadFilled(context, 0, columns),
    ones: loadFilled(context, 1, columns),
    shape: { rows: B * T, inner: T, columns },
    own: [T * columns * 4, columns * 4],
  };
}

/** Channels `first` … of each of the parts of a row, which are K wide. */
interface Channels {
  readonly first: number;
  readonly columns: number;
  readonly K: number;
  readonly parts: number;
}

/** Whole rows are one part. */
function partsOf({ columns, K, parts }: Channels): readonly [parts: number, columns: number] {
  return columns === K ? [1, parts * K] : [parts, columns];
}

/** Fields of a transfer of these channels of `rows` rows, one behind another on the chip. */
function channelTransfer(memory: number, local: Ref, rows: number, channels: Channels): Fields {
  const { first, K, parts: all } = channels;
  const [parts, columns] = partsOf(channels);
  return {
    ...contiguous(memory + first * 4, local, columns * 4),
    ...{ rows, memoryStride: all * K * 4, localStride: parts * columns * 4 },
    ...{ planes: parts, memoryPlaneStride: K * 4, localPlaneStride: columns * 4 },
  };
}

/** The rows of the state and of the step behind them; the last go back to the state. */
function loadRows(
  context: Context,
  { inputs }: NodeOf<'compress'>,
  channels: Channels,
): [Ref, number, number] {
  const { tiles, layout } = context;
  const { B, T } = context.dims;
  const state = inputs[0] as NodeOf<'state'>;
  const x = floatOf(context, inputs[1]!);
  const region = layout.regions.get(state.attrs.name) as ReplacedRegion;
  const past = state.type.shape[1] as number;
  const [parts, columns] = partsOf(channels);
  const row = parts * columns * 4;
  const plane = (past + T) * row;
  const rows = tiles.allocate('rows', 'tensors', B * plane);
  const transfer = (sequence: number, skipped: number): Fields => {
    const local = shift(rows, sequence * plane + skipped * row);
    const memory = region.address + sequence * region.sequenceBytes;
    return channelTransfer(memory, local, past, channels);
  };
  for (let b = 0; b < B; b++) tiles.emit('load', { ...transfer(b, 0), unless: NONE });
  for (let part = 0; part < parts; part++) {
    const from = shift(x.at, (part * channels.K + channels.first) * 4);
    tiles.emit('copy', {
      ...source(from, [T * x.stride, x.stride]),
      ...{ rows: B * T, inner: T, columns, aFormat: FORMAT_CODES.f32, ...PLAIN },
      ...into(shift(rows, past * row + part * columns * 4), [plane, row]),
    });
  }
  for (let b = 0; b < B; b++) tiles.emit('store', transfer(b, T));
  return [rows, plane, row];
}

/** The bias of each token of a window. */
function loadBias(
  context: Context,
  { inputs, attrs }: NodeOf<'compress'>,
  channels: Channels,
): Ref {
  const { name } = (inputs[3] as NodeOf<'weight'>).attrs;
  const rows = attrs.tokensPerRow;
  const bytes = rows * channels.parts * channels.columns * 4;
  const at = context.tiles.allocate(name, 'constants', bytes);
  const memory = regionAddress(context, `f32:${name}`);
  context.tiles.emit('load', { ...channelTransfer(memory, at, rows, channels), unless: NONE });
  return at;
}

/** `count` words a sequence, from its position on. */
function loadWords(context: Context, key: string, count: number): Ref {
  const { B } = context.dims;
  const at = context.tiles.allocate('words', 'constants', B * count * 4);
  for (let sequence = 0; sequence < B; sequence++) {
    const local = shift(at, sequence * count * 4);
    const place = contiguous(regionAddress(context, key), local, count * 4);
    context.tiles.emit('load', { ...place, positionStride: 4, sequence, unless: NONE });
  }
  return at;
}

/** The part of a row that token j of a window is in: the first half in the window before, else the second. */
function halfOf({ overlap, ratio }: Pool, j: number): number {
  return overlap && j >= ratio ? 1 : 0;
}

/** d = the gates of token j of all windows, with its bias; −Inf before the first position. */
function emitGate(pool: Pool, j: number, d: Ref): void {
  const { context, ratio, halves, columns, rows, strides, bias, zeros, ones, words } = pool;
  const { shape, own } = pool;
  const { T } = context.dims;
  const half = halfOf(pool, j);
  const from = shift(rows, j * strides[1] + (halves + half) * columns * 4);
  const added =
    bias === undefined ? zeros : shift(bias, ((j % ratio) * halves + half) * columns * 4);
  const both = { ...source(from, strides), ...factor(added, [0, 0]) };
  context.tiles.emit('add', { ...both, ...shape, ...into(d, own), ...PLAIN });
  if (words.past === undefined || j >= ratio) return;
  const each: Strides = [(T + ratio - 1) * 4, 4];
  const masked = { ...source(ones, [0, 0]), ...factor(shift(words.past, j * 4), each) };
  context.tiles.emit('scaleAdd', { ...masked, ...shape, ...into(d, own) });
}

/** Adds token j of all windows; `largest` is negated. */
function emitTerm(
  pool: Pool,
  j: number,
  { largest, gate, total, sum }: Readonly<Record<'largest' | 'gate' | 'total' | 'sum', Ref>>,
): void {
  const { context, rows, strides, shape, own, columns } = pool;
  const values = shift(rows, j * strides[1] + halfOf(pool, j) * columns * 4);
  const emit = (op: Opcode, a: Fields, b: Fields, d: Ref): void =>
    context.tiles.emit(op, { ...a, ...b, ...shape, ...into(d, own), ...PLAIN });
  emitGate(pool, j, gate);
  emit('add', source(gate, own), factor(largest, own), gate);
  emit('exp', source(gate, own), {}, gate);
  emit('add', source(total, own), factor(gate, own), total);
  emit('mul', source(gate, own), factor(values, strides), gate);
  emit('add', source(sum, own), factor(gate, own), sum);
}

/** The entries of tokens that end a window, +0 for the others. */
function emitEnds(
  { context, words, columns, shape, own }: Pool,
  entries: Ref,
  out: FloatPlacement,
): void {
  const { T } = context.dims;
  const { at, stride, rows } = out;
  context.tiles.emit('zero', { d: at, dStride: stride, rows, columns });
  const kept = { ...source(entries, own), ...factor(words.ends, [T * 4, 4]) };
  context.tiles.emit('scaleAdd', { ...kept, ...shape, ...into(at, [T * stride, stride]) });
}
