/**
 * Attention to a window: the last rows of a sequence, keys and values in one, lie in the memory behind one
 * another with those of the step behind them, and come to the chip together. A token reads as many rows from
 * its own place on; then the last rows become those of the next step.
 *
 *   columns of scores   the window, filled up to whole blocks | a block for the sink, that has no value | entries
 *
 * Rows before the first position are masked by −Inf, which a table has by position.
 */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, MX_BLOCK, type Node, type NodeOf, wholeBlocks } from '../../../ir/index.ts';
import { blockBytes, FORMAT_CODES, NONE } from '../isa.table.ts';
import { isByShift, pastKey, sinksKey, type ReplacedRegion } from '../memoryRegions.ts';
import { Attention } from './attention.ts';
import { headBlocks, type Block } from './blocks.ts';
import { ChosenRows, choosesAll, gatherScales, GatheredRows } from './chosenRows.ts';
import { contiguous, everyColumn, regionAddress, type Context } from './context.ts';
import { Edges } from './edges.ts';
import { mxOf, type MxPlacement } from './placement.ts';
import { factor, into, PLAIN, source } from './rowFields.ts';
import {
  rowsApart,
  scalesAddress,
  stateRows,
  WholeState,
  type LocalRows,
  type Source,
  type Span,
} from './stateRows.ts';
import { shift, type Ref } from './tiles.ts';

/** The window of one sequence. */
interface Window {
  readonly node: NodeOf<'windowAttention'>;
  readonly sequence: number;
  /** Rows it holds. */
  readonly room: number;
  readonly rowBytes: number;
  /** Addresses of its first row, and of the scale byte of that. */
  readonly memory: number;
  readonly scales: number;
  /** The rows on the chip, and the masks of the step's tokens, a row of one token behind the next. */
  readonly at: Ref;
  readonly past: Ref;
  readonly sinks: Ref;
}

export function lowerWindowAttention(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'windowAttention'>;
  const query = mxOf(context, node.inputs[1]!);
  const rows = mxOf(context, node.inputs[2]!);
  const sinks = loadSinks(context, node);
  const windows = Array.from({ length: context.dims.B }, (_, sequence) =>
    loadWindow(context, node, rows, { sequence, sinks }),
  );
  const blocks = windows.flatMap((window) => blocksOf(context, window));
  const work = { query, scale: node.attrs.scale, valueWidth: lastDim(node.type), blocks };
  new Attention(context, kernel, work).finish();
  for (const window of windows) moveOn(context, window);
}

function loadSinks(context: Context, node: NodeOf<'windowAttention'>): Ref {
  const room = node.inputs[0]!.type.shape[1] as number;
  const bytes = (node.type.shape[2] as number) * widthOfSink(room) * 4;
  const at = context.tiles.allocate('sinks', 'constants', bytes);
  const memory = regionAddress(context, sinksKey(node));
  context.tiles.emit('load', { ...contiguous(memory, at, bytes), unless: NONE });
  return at;
}

/** Columns from the end of the window to that of the sink's block. */
function widthOfSink(room: number): number {
  return wholeBlocks(room) - room + MX_BLOCK;
}

/** Stores the rows of the step behind the window, and brings all to the chip. */
function loadWindow(
  context: Context,
  node: NodeOf<'windowAttention'>,
  rows: MxPlacement,
  { sequence, sinks }: Pick<Window, 'sequence' | 'sinks'>,
): Window {
  const { tiles, layout } = context;
  const { T } = context.dims;
  const state = node.inputs[0] as NodeOf<'state'>;
  const room = state.type.shape[1] as number;
  const { name } = state.attrs;
  const [memory, scales] = [name, `scales:${name}`].map((key) => {
    const { address, sequenceBytes } = layout.regions.get(key) as ReplacedRegion;
    return address + sequence * sequenceBytes;
  }) as [number, number];
  const rowBytes = rows.headStride;
  const local = shift(rows.at, sequence * T * rows.stride);
  for (const [start, bytes] of [
    [memory, rowBytes],
    [scales, 1],
  ] as const) {
    const place = { ...contiguous(start + room * bytes, local, bytes), rows: T };
    tiles.emit('store', { ...place, memoryStride: bytes, localStride: rows.stride });
  }
  const count = wholeBlocks(room) + T;
  const at = tiles.allocate('window', 'context', count * rowBytes);
  tiles.emit('load', { ...contiguous(memory, at, count * rowBytes), unless: NONE });
  const words = (room + T - 1) * 4;
  const past = tiles.allocate('past', 'constants', words);
  const from = regionAddress(context, pastKey(room)) + 4;
  tiles.emit('load', {
    ...contiguous(from, past, words),
    positionStride: 4,
    sequence,
    unless: NONE,
  });
  return { node, sequence, room, rowBytes, memory, scales, at, past, sinks };
}

/** Each token by itself. */
function blocksOf(context: Context, window: Window): Block[] {
  const { node, sequence, room } = window;
  const always = wholeBlocks(room) + MX_BLOCK;
  const whole = new Map<number, Ref>();
  const heads = node.type.shape[2] as number;
  return Array.from({ length: context.dims.T }, (_, first) => {
    const entries = entriesOf(context, window, first, whole);
    const reach = always + (entries?.reach ?? 0);
    const source = sourceOf(context, window, first, entries);
    const most = always + (entries?.most ?? 0);
    const shiftBy = Math.log2(node.attrs.tokensPerRow ?? 1);
    return headBlocks(context, node as Node, heads, reach).map(([firstHead, count]): Block => ({
      ...{ source, sequence, first, tokens: 1, firstHead, heads: count, reach, most },
      visible: entries?.isByPosition ? { always, shift: shiftBy } : everyColumn(most),
      adjust: (scores, stride) => {
        adjust(context, window, { scores, stride, first, firstHead, heads: count });
        entries?.hide(shift(scores, always * 4), stride, count);
      },
    }));
  }).flat();
}

/** What token `first` of the step reads. */
function sourceOf(
  context: Context,
  window: Window,
  first: number,
  entries: Entries | undefined,
): Source {
  const { room, rowBytes, at, scales, node } = window;
  const whole = wholeBlocks(room);
  const { format } = mxOf(context, node.inputs[2]!);
  const rows = (): LocalRows => ({
    at: shift(at, (first + 1) * rowBytes),
    stride: rowBytes,
    blockStride: blockBytes(format),
  });
  const base = whole + MX_BLOCK;
  const behind = (): Span[] =>
    (entries?.spans() ?? []).map((span) => ({ ...span, start: span.start + base }));
  const load = (span: Span): LocalRows =>
    span.start === 0 ? rows() : entries!.load({ ...span, start: span.start - base });
  let bytes: Ref | undefined;
  return {
    keySpans: () => [{ start: 0, count: room, used: room }, ...behind()],
    valueSpans: () => [{ start: 0, count: whole, used: whole }, ...behind()],
    keys: load,
    values: load,
    scales: () => {
      if (bytes !== undefined) return bytes;
      bytes = context.tiles.allocate('scales', 'constants', base + (entries?.reach ?? 0));
      loadScales(context, scales + first + 1, base, bytes);
      entries?.scales(shift(bytes, base));
      return bytes;
    },
  };
}

function loadScales(context: Context, memory: number, count: number, at: Ref, step = 1): void {
  const bytes = { ...contiguous(memory, at, 1), ...rowsApart(step, count, 1) };
  context.tiles.emit('load', { ...bytes, unless: NONE });
}

/** The entries that a token may see: all complete ones, or those chosen for it. */
interface Entries {
  /** Columns in whole blocks, and those that a softmax may see. */
  readonly reach: number;
  readonly most: number;
  /** Whether the position tells by a shift how many are visible; else `hide` masks the others. */
  readonly isByPosition: boolean;
  readonly hide: (scores: Ref, stride: number, heads: number) => void;
  readonly spans: () => Span[];
  readonly load: (span: Span) => LocalRows;
  /** Brings the scale bytes, one a column. */
  readonly scales: (at: Ref) => void;
}

/** Undefined where there are none yet; `loaded`: pieces that other tokens have brought. */
function entriesOf(
  context: Context,
  { node, sequence }: Window,
  first: number,
  loaded: Map<number, Ref>,
): Entries | undefined {
  const [entries, chosen] = node.inputs.slice(5);
  const { T, S } = context.dims;
  const { tokensPerRow = 1 } = node.attrs;
  const seen = Math.floor((S - T + first + 1) / tokensPerRow);
  if (entries === undefined || seen === 0) return undefined;
  const state = stateRows(context, entries, sequence, 0);
  const memory = scalesAddress(context, entries, sequence, 0);
  const { step } = state.region;
  if (chosen === undefined || choosesAll(chosen, context.dims)) {
    const rows = new WholeState(context, state, wholeBlocks(Math.floor(S / tokensPerRow)), loaded);
    const reach = wholeBlocks(seen);
    const isByPosition = isByShift(tokensPerRow);
    const hide = isByPosition ? () => {} : hiding(context, [tokensPerRow, reach], sequence, first);
    return {
      ...{ reach, most: reach, isByPosition, hide },
      ...{ spans: () => rows.spans(reach), load: (span) => rows.load(span) },
      scales: (at) => loadScales(context, memory, reach, at, step),
    };
  }
  const list = new ChosenRows(context, chosen, sequence * T + first, seen);
  const rows = new GatheredRows(context, list, state);
  const reach = wholeBlocks(list.most);
  return {
    ...{ reach, most: list.columns, isByPosition: !list.isCounted },
    ...{ spans: () => rows.spans(reach), load: (span) => rows.load(span) },
    hide: (scores, stride, heads) => list.hide(scores, stride, heads),
    scales: (at) => gatherScales(context, list, [memory, step], at),
  };
}

/** Masks entries that a token does not see yet. */
function hiding(
  context: Context,
  [tokensPerRow, columns]: readonly [number, number],
  sequence: number,
  first: number,
): Entries['hide'] {
  let mask: Ref | undefined;
  return (scores, stride, heads) => {
    const tokens = { sequence, first, tokens: 1 };
    mask ??= new Edges(context, { tokensPerRow, blockRows: 1 }, tokens, columns).rows(0, -Infinity);
    context.tiles.emit('add', {
      ...{ ...source(scores, [0, stride]), ...factor(mask, [0, 0]) },
      ...{ rows: heads, inner: heads, columns, ...into(scores, [0, stride]), ...PLAIN },
    });
  };
}

/** Puts the sinks behind the scores of a token, and masks rows before the first position. */
function adjust(
  context: Context,
  { room, past, sinks }: Window,
  of: {
    readonly scores: Ref;
    readonly stride: number;
    readonly first: number;
    readonly firstHead: number;
    readonly heads: number;
  },
): void {
  const { scores, stride, first, firstHead, heads } = of;
  const rows = { rows: heads, inner: heads };
  const plain = { dFormat: FORMAT_CODES.f32, group: 0, rowCount: NONE };
  const width = widthOfSink(room);
  context.tiles.emit('copy', {
    ...{ a: shift(sinks, firstHead * width * 4), aStride: 0, aInner: width * 4 },
    ...{ aFormat: FORMAT_CODES.f32, ...rows, columns: width },
    ...{ d: shift(scores, room * 4), dStride: 0, dInner: stride, ...plain },
  });
  context.tiles.emit('add', {
    ...{ a: scores, aStride: 0, aInner: stride },
    ...{ b: shift(past, first * 4), bStride: 0, bInner: 0, ...rows, columns: room },
    ...{ d: scores, dStride: 0, dInner: stride, ...plain },
  });
}

/** The last rows become the window of the next step. */
function moveOn(context: Context, { room, rowBytes, memory, scales, at }: Window): void {
  const { tiles, dims } = context;
  const bytes = room * rowBytes;
  tiles.emit('store', contiguous(memory, shift(at, dims.T * rowBytes), bytes));
  const last = tiles.allocate('scales', 'constants', room);
  loadScales(context, scales + dims.T, room, last);
  tiles.emit('store', contiguous(scales, last, room));
}
