/**
 * Attention to chosen rows: what an indexer has chosen for a token (indexer.ts) becomes a list of rows in
 * the control memory, and the rows are gathered from the state, one behind another. Each token is a block
 * by itself, and heads go on together as far as their scores fit.
 *
 * Lists are zeros before: where a token sees fewer rows than are gathered, the others are row 0, and its
 * softmax does not see them.
 */
import { type Dims, type Node, type NodeOf, wholeBlocks } from '../../../ir/index.ts';
import { blockBytes, NONE } from '../isa.table.ts';
import { filledKey } from '../memoryRegions.ts';
import { headBlocks, type Block } from './blocks.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { floatOf } from './placement.ts';
import {
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
export function choosesAll(chosen: Node, { S }: Dims): boolean {
  if (chosen.op !== 'topRows') return false;
  const { topK, tokensPerRow = 1 } = chosen.attrs;
  return chosen.inputs.length < 5 && Math.floor(S / tokensPerRow) <= topK;
}

export function chosenBlocks(context: Context, attention: NodeOf<'attention'>): Block[] {
  const { B, T, S } = context.dims;
  const [q, keys] = attention.inputs as [Node, Node];
  const groups = keys.type.shape[2] as number;
  const heads = (q.type.shape[2] as number) / groups;
  return Array.from({ length: B * T }, (_, row) => {
    const [sequence, first] = [Math.floor(row / T), row % T];
    const rows = new ChosenRows(context, attention.inputs[4]!, row, S - T + first + 1);
    const token = { sequence, first, tokens: 1, reach: wholeBlocks(rows.most), most: rows.columns };
    return Array.from({ length: groups }, (_, g) => {
      const source = gathered(context, attention, rows, [sequence, g]);
      return headBlocks(context, attention, heads, token.reach).map(([head, count]) => ({
        ...token,
        source,
        firstHead: g * heads + head,
        heads: count,
      }));
    }).flat();
  }).flat();
}

/** The list of one token, made when it is first needed. */
export class ChosenRows {
  /** Rows that are chosen at most. */
  readonly most: number;
  /** Columns that a softmax may see: whole blocks where fewer rows than may be chosen are visible. */
  readonly columns: number;
  readonly visible: number;
  private readonly context: Context;
  private readonly chosen: Node;
  private readonly row: number;
  private made: Ref | undefined;

  /** `visible`: rows that token `row` of the step sees at most. */
  constructor(context: Context, chosen: Node, row: number, visible: number) {
    const { topK } = (chosen as NodeOf<'topRows'>).attrs;
    this.context = context;
    this.chosen = chosen;
    this.row = row;
    this.visible = visible;
    this.most = Math.min(topK, visible);
    this.columns = visible <= topK ? wholeBlocks(visible) : topK;
  }

  get list(): Ref {
    return (this.made ??= this.make());
  }

  private make(): Ref {
    const { context, chosen, row, visible, most } = this;
    const { tiles } = context;
    const marks = floatOf(context, chosen);
    const zeros = wholeBlocks(most) * 4;
    const list = tiles.allocate('list', 'control', Math.max(zeros, visible * 4));
    tiles.emit('load', {
      ...contiguous(regionAddress(context, filledKey(0)), list, zeros),
      unless: NONE,
    });
    tiles.emit('dispatch', {
      a: shift(marks.at, row * marks.stride),
      aStride: 4,
      rows: visible,
      columns: 1,
      d: tiles.allocate('count', 'control', 4),
      list,
      listStride: visible * 4,
    });
    return list;
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
      gatherScales(context, rows, scales, bytes);
      return bytes;
    },
  };
}

/** The scale bytes of chosen rows, from those of all in memory. */
export function gatherScales(context: Context, rows: ChosenRows, memory: number, at: Ref): void {
  const count = wholeBlocks(rows.most);
  const place = { memory, local: at, rowBytes: 1, rows: count, memoryStride: 1, localStride: 1 };
  context.tiles.emit('gather', { ...place, list: rows.list, limit: rows.visible });
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
    const blockStride = blockBytes(this.state.format);
    return { at, stride: rowBytesOf(this.state), blockStride };
  }

  /** Part by part, so that those of a row lie together. */
  private gather({ start, count }: Span): Ref {
    const { context, rows, state } = this;
    const { parts, partBytes, capacity } = state.region;
    const at = context.tiles.allocate('rows', 'context', count * parts * partBytes);
    for (let part = 0; part < parts; part++) {
      context.tiles.emit('gather', {
        memory: state.memory + part * capacity * partBytes,
        local: shift(at, part * partBytes),
        rowBytes: partBytes,
        rows: count,
        memoryStride: partBytes,
        localStride: parts * partBytes,
        list: shift(rows.list, start * 4),
        limit: rows.visible,
      });
    }
    return at;
  }
}
