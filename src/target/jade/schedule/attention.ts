/**
 * Attention: keys and values of a sequence come from its state in memory; the heads that share them
 * go through the matrix unit as rows of one product.
 *
 *   scores (t, j) × s  = q (t, j) × keysᵀ      probabilities = softmax, quantised along s
 *   result (t, j) × v  = probabilities × values
 *
 * Tokens are taken in blocks whose scores fit in the accumulators; a token that has its own rows is one by
 * itself (chosenRows.ts).
 */
import type { Kernel } from '../../../compile/index.ts';
import { MX_BLOCK, type MxFormat, type Node, type NodeOf, wholeBlocks } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { mxRowBytes } from '../memoryRegions.ts';
import { blockTokens, type Block } from './blocks.ts';
import { choosesAll, chosenBlocks } from './chosenRows.ts';
import { contiguous, ONE_A_POSITION, type Context } from './context.ts';
import { emitEpilogue } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { channelsFrom, mxOf, type MxPlacement } from './placement.ts';
import { scalesAddress, stateRows, WholeState, type LocalRows, type Source } from './stateRows.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** Whether each token of the step has rows of its own. */
export function attendsChosen({ inputs }: Node, context: Pick<Context, 'dims'>): boolean {
  return inputs[4] !== undefined && !choosesAll(inputs[4], context.dims);
}

export function lowerAttention(context: Context, kernel: Kernel): void {
  new Attention(context, kernel).finish();
}

/** What an attention is made of. */
export interface Work {
  readonly query: MxPlacement;
  readonly scale: number;
  readonly valueWidth: number;
  readonly blocks: readonly Block[];
}

/** Attention of one kernel, head by head as its query comes. */
export class Attention {
  private readonly context: Context;
  private readonly kernel: Kernel;
  private readonly work: Work;
  /** By key head, so that the first can start when their part of the query is there. */
  private readonly waiting: Block[];
  /** The block that has its probabilities. */
  private current: { readonly block: Block; readonly probabilities: MxPlacement } | undefined;

  constructor(context: Context, kernel: Kernel, work = workOf(context, kernel)) {
    this.context = context;
    this.kernel = kernel;
    this.work = work;
    this.waiting = [...work.blocks];
  }

  /** Lowers what needs only the first `heads` heads of the query. */
  advance(heads: number): void {
    const { context, kernel, waiting } = this;
    const { label } = context.tiles;
    context.tiles.label = kernel.name;
    while (waiting.length > 0 && waiting[0]!.firstHead + waiting[0]!.heads <= heads)
      this.next(waiting.shift()!);
    context.tiles.label = label;
  }

  finish(): void {
    this.advance(Number.POSITIVE_INFINITY);
    this.lowerCurrent();
  }

  /** One block ahead: the matrix unit takes the next scores while the vector unit has the softmax. */
  private next(block: Block): void {
    const { context, work } = this;
    const probabilities = lowerScores(context, block, work);
    this.lowerCurrent();
    this.current = { block, probabilities };
  }

  private lowerCurrent(): void {
    const { context, current, kernel, work } = this;
    if (current === undefined) return;
    lowerValues(context, current.block, [kernel, work], current.probabilities);
  }
}

function workOf(context: Context, kernel: Kernel): Work {
  const [attention] = kernel.anchors as [NodeOf<'attention'>];
  const { scale, valueWidth } = attention.attrs;
  const blocks = attendsChosen(attention, context)
    ? chosenBlocks(context, attention)
    : denseBlocks(context, attention);
  return { query: mxOf(context, attention.inputs[0]!), scale, valueWidth, blocks };
}

function denseBlocks(context: Context, attention: NodeOf<'attention'>): Block[] {
  const { B } = context.dims;
  const [q, keys] = attention.inputs as [Node, Node];
  const groups = keys.type.shape[2] as number;
  const heads = (q.type.shape[2] as number) / groups;
  return Array.from({ length: groups * B }, (_, i) => {
    const [g, sequence] = [Math.floor(i / B), i % B];
    return groupBlocks(context, attention, sequence, [g, heads]);
  }).flat();
}

/** The blocks of the `heads` heads of one sequence that share key head `g`. */
function groupBlocks(
  context: Context,
  attention: NodeOf<'attention'>,
  sequence: number,
  [g, heads]: readonly [number, number],
): Block[] {
  const { T, S } = context.dims;
  const loaded = new Map<number, Ref>();
  const [keys, values] = [1, 2].map((i) => {
    const rows = stateRows(context, attention.inputs[i]!, sequence, g);
    return new WholeState(context, rows, S, loaded);
  }) as [WholeState, WholeState];
  const scales = scalesAddress(context, attention.inputs[2]!, sequence, g);
  const source: Source = {
    keySpans: (reach) => keys.spans(reach),
    valueSpans: (reach) => values.spans(reach),
    keys: (span) => keys.load(span),
    values: (span) => values.load(span),
    scales: () => loadScales(context, loaded, scales),
  };
  // Small blocks end where their tokens cannot see; but each loads a state of several pieces again.
  const isWhole = S <= keys.pieceRows;
  const fit = Math.min(T, blockTokens(context, attention, heads, S));
  const size = isWhole ? Math.min(fit, MX_BLOCK) : fit;
  return Array.from({ length: Math.ceil(T / size) }, (_, i) => {
    const first = i * size;
    const tokens = Math.min(size, T - first);
    const reach = wholeBlocks(S - T + first + tokens);
    return { source, sequence, first, tokens, firstHead: g * heads, heads, reach };
  });
}

/** The scale bytes of the values, loaded once for all blocks of the group. */
function loadScales(context: Context, loaded: Map<number, Ref>, address: number): Ref {
  const known = loaded.get(address);
  if (known !== undefined) return known;
  const { S } = context.dims;
  const at = context.tiles.allocate('scales', 'constants', S);
  context.tiles.emit('load', { ...contiguous(address, at, S), unless: NONE });
  loaded.set(address, at);
  return at;
}

function lowerValues(
  context: Context,
  { source, sequence, first, tokens, firstHead, heads, reach }: Block,
  [kernel, { query, valueWidth: columns }]: readonly [Kernel, Work],
  probabilities: MxPlacement,
): void {
  const width = wholeBlocks(columns);
  const rows = tokens * heads;
  const at = context.tiles.allocate('attended', 'accumulator', rows * width * 4);
  for (const span of source.valueSpans(reach)) {
    const from = channelsFrom(probabilities, span.start);
    context.tiles.emit('matmul', {
      ...activationFields({ source: from, tokens: rows, inner: 1 }),
      ...operandFields(source.values(span), query),
      // Values lie [token][channel]: one stored row is one k. Their scales are in the probabilities.
      ...{ columns: width, transposed: 1, k: span.used },
      c: at,
      cStride: width * 4,
      accumulate: Number(span.start > 0),
    });
  }
  const place = { firstToken: sequence * context.dims.T + first, firstHead, firstChannel: 0 };
  const shape = { tokens, inner: heads, columns };
  const piece = { at, stride: heads * width * 4, innerStride: width * 4, ...shape, ...place };
  emitEpilogue(context, kernel.chain, piece, kernel.result);
}

/** Scores of a block, turned into quantised probabilities [(t, j)][reach]. */
function lowerScores(context: Context, block: Block, { query, scale }: Work): MxPlacement {
  const { source, sequence, first, tokens, heads, reach, most = reach } = block;
  const scores = context.tiles.allocate('scores', 'accumulator', tokens * heads * reach * 4);
  emitScores(context, block, query, { at: scores, stride: reach * 4 });
  block.adjust?.(scores, reach * 4);
  const rows = tokens * heads;
  const probabilities = allocateProbabilities(context, query.format, rows, reach);
  const into = { d: probabilities.at, dStride: heads * probabilities.stride };
  const quantised = { dFormat: FORMAT_CODES[query.format], group: 32 };
  const softmax = {
    a: scores,
    aStride: heads * reach * 4,
    aInner: reach * 4,
    b: source.scales(),
    rows,
    inner: heads,
    scale: Math.fround(scale),
    sequence,
    first,
    ...(block.visible ?? ONE_A_POSITION),
  };
  const target = { ...into, dInner: probabilities.stride, ...quantised };
  if (most === reach) context.tiles.emit('softmax', { ...softmax, ...target, columns: reach });
  else partOfColumns(context, softmax, { ...target, rows, inner: heads }, [most, reach]);
  return probabilities;
}

/** A softmax over fewer columns than whole blocks: in f32, with zeros behind, then quantised. */
function partOfColumns(
  context: Context,
  softmax: Readonly<Record<string, Operand>>,
  target: Readonly<Record<string, Operand>> & { readonly rows: number; readonly inner: number },
  [most, reach]: readonly [number, number],
): void {
  const { tiles } = context;
  const { rows, inner } = target;
  const strides = (name: string): Record<string, number> => ({
    [`${name}Stride`]: inner * reach * 4,
    [`${name}Inner`]: reach * 4,
  });
  const at = tiles.allocate('probabilities', 'tensors', rows * reach * 4);
  const plain = { d: at, ...strides('d'), dFormat: FORMAT_CODES.f32, group: 0 };
  tiles.emit('softmax', { ...softmax, ...plain, columns: most });
  const behind = { d: shift(at, most * 4), dStride: reach * 4, rows, columns: reach - most };
  tiles.emit('zero', behind);
  const source = { a: at, ...strides('a'), aFormat: FORMAT_CODES.f32, rowCount: NONE };
  tiles.emit('copy', { ...source, ...target, columns: reach });
}

/** Products of the block's queries and keys: row (t, j) at (t · heads + j) · stride. */
function emitScores(
  context: Context,
  { source, sequence, first, tokens, firstHead, heads, reach }: Block,
  query: MxPlacement,
  into: { readonly at: Ref; readonly stride: number },
): void {
  const row = (sequence * context.dims.T + first) * query.stride + firstHead * query.headStride;
  const rows = { source: { ...query, at: shift(query.at, row) }, tokens, inner: heads };
  for (const span of source.keySpans(reach)) {
    context.tiles.emit('matmul', {
      ...activationFields(rows),
      ...keyFields(source.keys(span), query),
      columns: span.used,
      c: shift(into.at, span.start * 4),
      cStride: into.stride,
      accumulate: 0,
    });
  }
}

/** Keys as what a query is multiplied with; they have its format and width. */
export function keyFields(
  keys: LocalRows,
  query: Pick<MxPlacement, 'format' | 'width'>,
): Record<string, Operand> {
  return { ...operandFields(keys, query), transposed: 0, k: query.width };
}

function operandFields(
  { at, stride, blockStride }: LocalRows,
  { format }: Pick<MxPlacement, 'format'>,
): Record<string, Operand> {
  return { w: at, wStride: stride, wBlockStride: blockStride, wFormat: FORMAT_CODES[format] };
}

function allocateProbabilities(
  context: Context,
  format: MxFormat,
  rows: number,
  width: number,
): MxPlacement {
  const stride = mxRowBytes(width, format);
  const at = context.tiles.allocate('probabilities', 'operands', rows * stride);
  return { kind: 'mx', format, at, stride, heads: 1, headStride: 0, width, rows };
}
