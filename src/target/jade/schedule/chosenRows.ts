/**
 * Attention to chosen rows: what an indexer has chosen for a token (indexer.ts) becomes a list of rows in
 * the control memory, and the rows are gathered from the state, one behind another. Each token is a block
 * by itself, and heads go on together as far as their scores fit.
 *
 * Lists are zeros before: where a token sees fewer rows than are gathered, the others are row 0, and its
 * softmax does not see them, or, where the position does not tell how many there are, they are masked by the
 * count of the list.
 *
 * Where blocks are chosen, they are listed and gathered whole, and behind them the block that is not complete
 * yet. Its mark is the softmax of numbers that grow so fast that all but the last visible one vanish.
 */
import { type Dims, type Node, type NodeOf, wholeBlocks } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { filledKey, isByShift, laterKey, rampKey } from '../memoryRegions.ts';
import { headBlocks, type Block } from './blocks.ts';
import { contiguous, everyColumn, ONE_A_POSITION, regionAddress, type Context } from './context.ts';
import { loadFilled } from './epilogue.ts';
import { floatOf } from './placement.ts';
import { factor, into, PLAIN, source } from './rowFields.ts';
import {
  placeOfRows,
  rowBytesOf,
  scalesAddress,
  spansOf,
  stateRows,
  type LocalRows,
  type Source,
  type Span,
  type StateRows,
} from './stateRows.ts';
import { shift, type Ref } from './tiles.ts';

/** The gathered rows of a token are kept for all of its heads up to this share of the scratchpad. */
const KEPT = 1 / 8;

/** Whether at most as many rows are visible in a step as are chosen: then all are. */
export function choosesAll(chosen: Node, dims: Pick<Dims, 'S'>): boolean {
  if (chosen.op === 'blockRows') return choosesAll(chosen.inputs[0]!, dims);
  if (chosen.op !== 'topRows') return false;
  const { topK, tokensPerRow = 1 } = chosen.attrs;
  return chosen.inputs.length < 5 && Math.floor(dims.S / tokensPerRow) <= topK;
}

export function chosenBlocks(context: Context, attention: NodeOf<'attention'>): Block[] {
  const { B, T, S } = context.dims;
  const [q, keys] = attention.inputs as [Node, Node];
  const groups = keys.type.shape[2] as number;
  const heads = (q.type.shape[2] as number) / groups;
  return Array.from({ length: B * T }, (_, row) => {
    const [sequence, first] = [Math.floor(row / T), row % T];
    const rows = new ChosenRows(context, attention.inputs[4]!, row, S - T + first + 1);
    const reach = wholeBlocks(rows.most);
    const token = { sequence, first, tokens: 1, reach, most: rows.columns };
    return Array.from({ length: groups }, (_, g) => {
      const source = gathered(context, attention, rows, [sequence, g]);
      return headBlocks(context, attention, heads, reach).map(([head, count]): Block => ({
        ...token,
        source,
        firstHead: g * heads + head,
        heads: count,
        visible: rows.isCounted ? everyColumn(rows.columns) : ONE_A_POSITION,
        adjust: (scores, stride) => rows.hide(scores, stride, count),
      }));
    }).flat();
  }).flat();
}

/**
 * The list of one token, made when it is first needed: of rows, or of blocks of them, the last of which is the
 * one that is not complete yet.
 */
export class ChosenRows {
  /** Rows of an item of the list. */
  readonly size: number;
  /** Rows that are listed at most. */
  readonly most: number;
  /** Columns that a softmax may see: whole blocks where fewer rows than may be chosen are visible. */
  readonly columns: number;
  /** Items that may be listed. */
  readonly items: number;
  private readonly context: Context;
  private readonly marked: NodeOf<'topRows'>;
  private readonly row: number;
  /** Whether only the list itself tells how many rows there are. */
  readonly isCounted: boolean;
  /** Whether they are blocks, and how many items the indexer may have marked. */
  private readonly inBlocks: boolean;
  private readonly seen: number;
  private made: { readonly list: Ref; readonly count: Ref } | undefined;
  private mask: Ref | undefined;

  /** `visible`: rows that token `row` of the step sees at most. */
  constructor(context: Context, chosen: Node, row: number, visible: number) {
    const size = chosen.op === 'blockRows' ? chosen.attrs.tokensPerRow : 1;
    const inBlocks = (this.inBlocks = chosen.op === 'blockRows');
    this.marked = (inBlocks ? chosen.inputs[0] : chosen) as NodeOf<'topRows'>;
    this.context = context;
    this.row = row;
    this.size = size;
    const { topK, tokensPerRow = 1, blockRows } = this.marked.attrs;
    this.isCounted = blockRows !== undefined || !isByShift(tokensPerRow);
    this.seen = Math.floor(visible / size);
    this.items = inBlocks ? Math.min(this.seen + 1, context.dims.S / size) : visible;
    this.most = (Math.min(topK, this.seen) + Number(inBlocks)) * size;
    const fewer = this.seen <= topK && !this.isCounted;
    this.columns = fewer ? wholeBlocks(this.most) : topK * size + size - 1;
  }

  get list(): Ref {
    return (this.made ??= this.make()).list;
  }

  private make(): { readonly list: Ref; readonly count: Ref } {
    const { context, most, size, items } = this;
    const { tiles } = context;
    const zeros = (wholeBlocks(most) / size) * 4;
    const list = tiles.allocate('list', 'control', Math.max(zeros, items * 4));
    tiles.emit('load', {
      ...contiguous(regionAddress(context, filledKey(0)), list, zeros),
      unless: NONE,
    });
    const count = tiles.allocate('count', 'control', 4);
    tiles.emit('dispatch', {
      a: this.marks(),
      aStride: 4,
      rows: items,
      columns: 1,
      d: count,
      list,
      listStride: items * 4,
    });
    return { list, count };
  }

  /** The marks of the indexer, and one for the block that is not complete yet. */
  private marks(): Ref {
    const { context, marked, row, seen, size } = this;
    const placed = floatOf(context, marked);
    const given = shift(placed.at, row * placed.stride);
    if (!this.inBlocks) return given;
    const { tiles, dims } = context;
    const columns = seen + 1;
    const ramp = tiles.allocate('ramp', 'constants', columns * 4);
    const memory = regionAddress(context, rampKey(size));
    tiles.emit('load', { ...contiguous(memory, ramp, columns * 4), unless: NONE });
    const marks = tiles.allocate('marks', 'tensors', columns * 4);
    const shape = { rows: 1, inner: 1 };
    tiles.emit('softmax', {
      ...{ ...source(ramp, [0, 0]), b: NONE, ...shape, columns, ...into(marks, [0, 0]) },
      ...{ dFormat: FORMAT_CODES.f32, group: 0, scale: 1 },
      ...{ sequence: Math.floor(row / dims.T), first: row % dims.T },
      ...{ always: 1, shift: Math.log2(size) },
    });
    const both = { ...source(marks, [0, 0]), ...factor(given, [0, 0]) };
    tiles.emit('add', { ...both, ...shape, columns: seen, ...into(marks, [0, 0]), ...PLAIN });
    return marks;
  }

  /** Masks scores of what the token has no row for, or may not see. */
  hide(scores: Ref, stride: number, heads: number): void {
    if (!this.isCounted) return this.hideLater(scores, stride, heads);
    this.mask ??= this.maskOfCount();
    this.context.tiles.emit('add', {
      ...{ ...source(scores, [0, stride]), ...factor(this.mask, [0, 0]) },
      ...{ rows: heads, inner: heads, columns: this.columns, ...into(scores, [0, stride]) },
      ...PLAIN,
    });
  }

  /** +0 for each row that is listed, then −Inf. */
  private maskOfCount(): Ref {
    const { context, columns } = this;
    const { tiles } = context;
    const { count: rowCount } = (this.made ??= this.make());
    const none = loadFilled(context, -Infinity, columns);
    const mask = tiles.allocate('mask', 'tensors', columns * 4);
    const plain = { aFormat: FORMAT_CODES.f32, ...PLAIN };
    const row = { ...source(none, [0, 0]), ...into(mask, [0, 0]), rows: 1, inner: 1, columns };
    tiles.emit('copy', { ...row, ...plain });
    const listed = { ...source(loadFilled(context, 0, 1), [0, 0]), ...into(mask, [4, 0]) };
    tiles.emit('copy', { ...listed, ...plain, rows: columns, inner: 1, columns: 1, rowCount });
    return mask;
  }

  /** Masks the rows of the last block that are later than the token, where as many blocks as may be are before it. */
  private hideLater(scores: Ref, stride: number, heads: number): void {
    const { context, row, size } = this;
    const { tiles, dims } = context;
    const columns = size - 1;
    if (columns === 0 || this.seen <= this.marked.attrs.topK) return;
    const [sequence, first] = [Math.floor(row / dims.T), row % dims.T];
    const later = tiles.allocate('later', 'constants', columns * 4);
    const memory = regionAddress(context, laterKey(size)) + first * columns * 4;
    const place = { ...contiguous(memory, later, columns * 4), unless: NONE };
    tiles.emit('load', { ...place, positionStride: columns * 4, sequence });
    const last = shift(scores, (this.columns - columns) * 4);
    tiles.emit('add', {
      ...{ ...source(last, [0, stride]), ...factor(later, [0, 0]) },
      ...{ rows: heads, inner: heads, columns, ...into(last, [0, stride]), ...PLAIN },
    });
  }
}

/** The rows of a list from the state of a sequence and key head. */
function gathered(
  context: Context,
  { inputs }: NodeOf<'attention'>,
  rows: ChosenRows,
  [sequence, g]: readonly [number, number],
): Source {
  const [keys, values] = [1, 2].map((i) => {
    const state = stateRows(context, inputs[i]!, sequence, g);
    return new GatheredRows(context, rows, state);
  }) as [GatheredRows, GatheredRows];
  const both = inputs[1] === inputs[2] ? keys : values;
  const scales = scalesAddress(context, inputs[2]!, sequence, g);
  let bytes: Ref | undefined;
  return {
    keySpans: (reach) => keys.spans(reach),
    valueSpans: (reach) => both.spans(reach),
    keys: (span) => keys.load(span),
    values: (span) => both.load(span),
    scales: () => {
      if (bytes !== undefined) return bytes;
      bytes = context.tiles.allocate('scales', 'constants', wholeBlocks(rows.most));
      gatherScales(context, rows, [scales, 1], bytes);
      return bytes;
    },
  };
}

/** The scale bytes of chosen rows, from those of all in memory, `step` apart. */
export function gatherScales(
  context: Context,
  rows: ChosenRows,
  [memory, step]: readonly [number, number],
  at: Ref,
): void {
  const count = wholeBlocks(rows.most);
  const bytes = { rowBytes: rows.size, memoryStride: rows.size * step, localStride: rows.size };
  const items = { rows: count / rows.size, list: rows.list, limit: rows.items };
  context.tiles.emit('gather', { memory, local: at, ...bytes, ...items });
}

export class GatheredRows {
  private readonly context: Context;
  private readonly rows: ChosenRows;
  private readonly state: StateRows;
  private kept: Ref | undefined;

  constructor(context: Context, rows: ChosenRows, state: StateRows) {
    this.context = context;
    this.rows = rows;
    this.state = state;
  }

  spans(reach: number): Span[] {
    const { scratchpad } = this.context.chip;
    const fit = Math.floor((scratchpad.sizeBytes * KEPT) / rowBytesOf(this.state) / 32) * 32;
    return spansOf(reach, Math.min(reach, Math.max(fit, 32)), reach);
  }

  load(span: Span): LocalRows {
    const at = this.kept ?? this.gather(span);
    if (span.count === wholeBlocks(this.rows.most)) this.kept = at;
    return placeOfRows(this.state, at, span.count);
  }

  /** Part by part. */
  private gather({ start, count }: Span): Ref {
    const { context, rows, state } = this;
    const { parts, partBytes, capacity, step } = state.region;
    const at = context.tiles.allocate('rows', 'context', count * parts * partBytes);
    const itemBytes = rows.size * partBytes;
    for (let part = 0; part < parts; part++) {
      context.tiles.emit('gather', {
        memory: state.memory + part * capacity * partBytes,
        local: shift(at, part * count * partBytes),
        rowBytes: itemBytes,
        rows: count / rows.size,
        memoryStride: itemBytes * step,
        localStride: itemBytes,
        list: shift(rows.list, (start / rows.size) * 4),
        limit: rows.items,
      });
    }
    return at;
  }
}
