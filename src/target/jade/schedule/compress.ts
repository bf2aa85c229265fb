/**
 * Entries of compressed context: docs/numerics.md, section 4, on all tokens of a step at once. Each token's
 * entry is made as if it ended a window; those of tokens that end none are multiplied by zero.
 */
import { type Kernel } from '../../../compile/index.ts';
import { lastDim, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE, type Opcode } from '../isa.table.ts';
import { endsKey, pastKey, type ReplacedRegion } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { loadConstant, loadFilled } from './epilogue.ts';
import { destinationOf, floatOf, type FloatPlacement } from './placement.ts';
import { factor, into, PLAIN, source, type Fields, type Strides } from './rowFields.ts';
import { shift, type Ref } from './tiles.ts';

/** What is the same for all tokens of a window. */
interface Pool {
  readonly context: Context;
  readonly ratio: number;
  readonly overlap: boolean;
  /** Channels of an entry, and of the values of a row, which its gates follow. */
  readonly K: number;
  readonly width: number;
  /** The last rows of each sequence and those of the step: from sequence to sequence, from row to row. */
  readonly rows: Ref;
  readonly strides: Strides;
  readonly bias: Ref | undefined;
  readonly zeros: Ref;
  readonly ones: Ref;
  readonly past: Ref | undefined;
  readonly shape: Fields;
  /** From sequence to sequence and from token to token of what is K wide. */
  readonly own: Strides;
}

export function lowerCompress(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'compress'>;
  const pool = poolOf(context, node);
  const { shape, own, K } = pool;
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
  const terms = pool.overlap ? 2 * pool.ratio : pool.ratio;
  for (let j = 0; j < terms; j++) {
    emitGate(pool, j, j === 0 ? largest : gate);
    const both = { ...source(largest, own), ...factor(gate, own) };
    if (j > 0) emit('max', { ...both, ...shape, ...into(largest, own), ...PLAIN });
  }
  const minus = factor(loadFilled(context, -1, 1), [0, 0]);
  emit('scale', { ...source(largest, own), ...minus, ...shape, ...into(largest, own), ...PLAIN });
  for (const d of [total, sum]) emit('zero', { d, dStride: K * 4, rows: B * T, columns: K });
  for (let j = 0; j < terms; j++) emitTerm(pool, j, { largest, gate, total, sum });
  const quotient = { ...source(sum, own), ...factor(total, own) };
  emit('div', { ...quotient, ...shape, ...into(sum, own), ...PLAIN });
  emitEnds(pool, sum, destinationOf(context, node) as FloatPlacement);
}

function poolOf(context: Context, node: NodeOf<'compress'>): Pool {
  const { tokensPerRow: ratio, overlap } = node.attrs;
  const { B, T } = context.dims;
  const K = lastDim(node.type);
  const bias = node.inputs[3];
  const [rows, plane, row] = loadRows(context, node);
  return {
    ...{ context, ratio, overlap, K, rows },
    width: overlap ? 2 * K : K,
    strides: [plane, row],
    bias: bias && loadConstant(context, bias),
    zeros: loadFilled(context, 0, K),
    ones: loadFilled(context, 1, K),
    past: overlap ? loadWords(context, pastKey(2 * ratio - 1), T + ratio - 1) : undefined,
    shape: { rows: B * T, inner: T, columns: K },
    own: [T * K * 4, K * 4],
  };
}

/** The rows of the state and of the step behind them; the last go back to the state. */
function loadRows(context: Context, { inputs }: NodeOf<'compress'>): [Ref, number, number] {
  const { tiles, layout } = context;
  const { B, T } = context.dims;
  const state = inputs[0] as NodeOf<'state'>;
  const x = floatOf(context, inputs[1]!);
  const region = layout.regions.get(state.attrs.name) as ReplacedRegion;
  const [past, C] = state.type.shape.slice(1) as [number, number];
  const row = C * 4;
  const plane = (past + T) * row;
  const rows = tiles.allocate('rows', 'tensors', B * plane);
  const transfer = {
    ...contiguous(region.address, rows, past * row),
    ...{ planes: B, memoryPlaneStride: region.sequenceBytes, localPlaneStride: plane },
  };
  tiles.emit('load', { ...transfer, unless: NONE });
  tiles.emit('copy', {
    ...source(x.at, [T * x.stride, x.stride]),
    ...{ rows: B * T, inner: T, columns: C, aFormat: FORMAT_CODES.f32, ...PLAIN },
    ...into(shift(rows, past * row), [plane, row]),
  });
  tiles.emit('store', { ...transfer, local: shift(rows, T * row) });
  return [rows, plane, row];
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

/** First channel of token j of a window: of the first half in the window before, else of the second. */
function channelOf({ overlap, ratio, K }: Pool, j: number): number {
  return overlap && j >= ratio ? K : 0;
}

/** d = the gates of token j of all windows, with its bias; −Inf before the first position. */
function emitGate(pool: Pool, j: number, d: Ref): void {
  const { context, ratio, width, rows, strides, bias, zeros, ones, past, shape, own } = pool;
  const { T } = context.dims;
  const channel = channelOf(pool, j);
  const from = shift(rows, j * strides[1] + (width + channel) * 4);
  const added = bias === undefined ? zeros : shift(bias, ((j % ratio) * width + channel) * 4);
  const both = { ...source(from, strides), ...factor(added, [0, 0]) };
  context.tiles.emit('add', { ...both, ...shape, ...into(d, own), ...PLAIN });
  if (past === undefined || j >= ratio) return;
  const words: Strides = [(T + ratio - 1) * 4, 4];
  const masked = { ...source(ones, [0, 0]), ...factor(shift(past, j * 4), words) };
  context.tiles.emit('scaleAdd', { ...masked, ...shape, ...into(d, own) });
}

/** Adds token j of all windows; `largest` is negated. */
function emitTerm(
  pool: Pool,
  j: number,
  { largest, gate, total, sum }: Readonly<Record<'largest' | 'gate' | 'total' | 'sum', Ref>>,
): void {
  const { context, rows, strides, shape, own } = pool;
  const values = shift(rows, j * strides[1] + channelOf(pool, j) * 4);
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
  { context, ratio, K, shape, own }: Pool,
  entries: Ref,
  { at, stride, rows }: FloatPlacement,
): void {
  const { T } = context.dims;
  const ends = loadWords(context, endsKey(ratio), T);
  context.tiles.emit('zero', { d: at, dStride: stride, rows, columns: K });
  const kept = { ...source(entries, own), ...factor(ends, [T * 4, 4]) };
  context.tiles.emit('scaleAdd', { ...kept, ...shape, ...into(at, [T * stride, stride]) });
}
