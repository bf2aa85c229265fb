/**
 * Attention: keys and values of a sequence come from its state in memory; the heads that share them
 * go through the matrix unit as rows of one product.
 *
 *   scores (t, j) × s  = q (t, j) × keysᵀ      probabilities = softmax, quantised along s
 *   result (t, j) × v  = probabilities × values
 *
 * Tokens are taken in blocks whose scores fit in the accumulators.
 */
import { CapacityError, UnsupportedError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { type Kernel } from '../../../compile/index.ts';
import { lastDim, MX_BLOCK, type MxFormat, type Node, type NodeOf } from '../../../ir/index.ts';
import { blockBytes, FORMAT_CODES, NONE } from '../isa.table.ts';
import { mxRowBytes, scalesKey, type StateRegion } from '../layout.ts';
import { contiguous, ONE_A_POSITION, type Context } from './context.ts';
import { emitEpilogue } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { channelsFrom, mxOf, placeOf, type MxPlacement } from './placement.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** A piece of state is at most this share of the scratchpad, so that several fit in the ring of any step. */
const PIECES = 16;

/** The state rows of one sequence and key head: where they are in memory and what a row is. */
interface StateRows {
  readonly memory: number;
  readonly region: StateRegion;
  readonly width: number;
  readonly format: MxFormat;
}

/** What is the same for all blocks of one sequence and key head. */
interface Group {
  readonly kernel: Kernel;
  readonly query: MxPlacement;
  readonly keys: StateRows;
  readonly values: StateRows;
  /** Address of the scale bytes of the values. */
  readonly valueScales: number;
  readonly sequence: number;
  /** First query head, and how many share the keys. */
  readonly firstHead: number;
  readonly heads: number;
  /** Pieces of the state on the chip, by memory address: loaded when first used. */
  readonly loaded: Map<number, Ref>;
}

/** Tokens of a group whose scores fit in one accumulator bank, and their results in all. */
interface Block {
  readonly group: Group;
  readonly first: number;
  readonly tokens: number;
  /** Positions its last token sees at most, in whole blocks: later ones have no part in it. */
  readonly reach: number;
}

export function lowerAttention(context: Context, kernel: Kernel): void {
  new Attention(context, kernel).finish();
}

/** Attention of one kernel, head by head as its query comes. */
export class Attention {
  private readonly context: Context;
  private readonly kernel: Kernel;
  /** By key head, so that the first can start when their part of the query is there. */
  private readonly waiting: Block[];
  /** The block that has its probabilities. */
  private current: { readonly block: Block; readonly probabilities: MxPlacement } | undefined;

  constructor(context: Context, kernel: Kernel) {
    this.context = context;
    this.kernel = kernel;
    this.waiting = groupsOf(context, kernel).flatMap((group) => blocksOf(context, group));
  }

  /** Lowers what needs only the first `heads` heads of the query. */
  advance(heads: number): void {
    const { context, kernel, waiting } = this;
    const { label } = context.tiles;
    context.tiles.label = kernel.name;
    while (waiting.length > 0 && waiting[0]!.group.firstHead + waiting[0]!.group.heads <= heads)
      this.next(waiting.shift()!);
    context.tiles.label = label;
  }

  finish(): void {
    this.advance(Number.POSITIVE_INFINITY);
    this.lowerCurrent();
  }

  /** One block ahead: the matrix unit takes the next scores while the vector unit has the softmax. */
  private next(block: Block): void {
    const probabilities = lowerScores(this.context, block);
    this.lowerCurrent();
    this.current = { block, probabilities };
  }

  private lowerCurrent(): void {
    const { context, current } = this;
    if (current !== undefined) lowerValues(context, current.block, current.probabilities);
  }
}

function groupsOf(context: Context, kernel: Kernel): Group[] {
  const [q, keys, values] = kernel.anchors[0]!.inputs as [Node, Node, Node, Node];
  const query = mxOf(context, q);
  const groups = keys.type.shape[2] as number;
  const heads = query.heads / groups;
  return Array.from({ length: groups * context.dims.B }, (_, i) => {
    const [g, sequence] = [Math.floor(i / context.dims.B), i % context.dims.B];
    const [keyRows, valueRows] = [keys, values].map((append) =>
      stateRows(context, append, sequence, g),
    ) as [StateRows, StateRows];
    const valueScales = rowsAddress(scalesRegion(context, values)!, sequence, g);
    const state = { keys: keyRows, values: valueRows, valueScales, sequence };
    return { kernel, query, ...state, firstHead: g * heads, heads, loaded: new Map() };
  });
}

function blocksOf(context: Context, group: Group): Block[] {
  const { T, S } = context.dims;
  const { sizeBytes, banks } = context.chip.accumulator;
  const bank = sizeBytes / banks;
  const { valueWidth } = (group.kernel.anchors[0] as NodeOf<'attention'>).attrs;
  const [scores, results] = [group.heads * S * 4, group.heads * roundUp(valueWidth) * 4];
  const fit = Math.min(T, Math.floor(bank / scores), Math.floor(sizeBytes / results));
  // Small blocks end where their tokens cannot see; but each loads a state of several pieces again.
  const isWhole = S <= pieceRows(context.chip, group.keys);
  const size = isWhole ? Math.min(fit, MX_BLOCK) : fit;
  if (size < 1) {
    throw new CapacityError(
      `one token needs ${scores} bytes of an accumulator bank (${bank} bytes) for scores, and ${results} of all (${sizeBytes} bytes) for results`,
      {
        where: group.kernel.name,
        hint: 'use a shorter context or a chip with larger accumulators',
      },
    );
  }
  return Array.from({ length: Math.ceil(T / size) }, (_, i) => {
    const first = i * size;
    const tokens = Math.min(size, T - first);
    return { group, first, tokens, reach: roundUp(S - T + first + tokens) };
  });
}

/** Positions, or channels of a value, in whole blocks. */
function roundUp(count: number): number {
  return Math.ceil(count / MX_BLOCK) * MX_BLOCK;
}

/** Appends rows to a state, and their scale bytes where they are values. */
export function storeState(context: Context, append: Node): void {
  const rows = placeOf(context, append.inputs[1]!) as MxPlacement;
  storeRows(context, stateRegion(context, append), rows);
  const scales = scalesRegion(context, append);
  // The values are the first channels of a row and share one scale: that of the first block.
  if (scales !== undefined) storeRows(context, scales, rows);
}

/** The first bytes of each row to its position: a store for each sequence, a plane for each part. */
function storeRows(context: Context, region: StateRegion, rows: MxPlacement): void {
  const { T } = context.dims;
  const { groups, parts, partBytes, capacity } = region;
  if (groups > 1 && parts > 1 && rows.headStride !== parts * partBytes) {
    throw new UnsupportedError('keys of several heads must lie one behind the other', {
      where: region.name,
    });
  }
  for (let sequence = 0; sequence < context.dims.B; sequence++) {
    const local = shift(rows.at, sequence * T * rows.stride);
    context.tiles.emit('store', {
      ...contiguous(rowsAddress(region, sequence, 0), local, partBytes),
      rows: T,
      memoryStride: partBytes,
      localStride: rows.stride,
      planes: groups * parts,
      memoryPlaneStride: capacity * partBytes,
      localPlaneStride: parts > 1 ? partBytes : rows.headStride,
      positionStride: partBytes,
      sequence,
    });
  }
}

function stateRegion(context: Context, append: Node): StateRegion {
  const [state] = append.inputs as [NodeOf<'state'>];
  return context.layout.regions.get(state.attrs.name) as StateRegion;
}

/** Where the scales of values are; undefined for a state of keys only. */
function scalesRegion(context: Context, append: Node): StateRegion | undefined {
  const [state] = append.inputs as [NodeOf<'state'>];
  return context.layout.regions.get(scalesKey(state)) as StateRegion | undefined;
}

/** Memory address of position 0 of a sequence and key head. */
function rowsAddress(
  { address, groups, parts, partBytes, capacity }: StateRegion,
  sequence: number,
  group: number,
): number {
  return address + (sequence * groups + group) * parts * capacity * partBytes;
}

function stateRows(context: Context, append: Node, sequence: number, group: number): StateRows {
  const region = stateRegion(context, append);
  const memory = rowsAddress(region, sequence, group);
  const format = append.type.dtype as MxFormat;
  return { memory, region, width: lastDim(append.type), format };
}

/** Positions that are loaded together, and how many of them are used; whole numbers of blocks of 32. */
interface Span {
  readonly start: number;
  readonly count: number;
  readonly used: number;
}

/** Rows of state in one piece. */
function pieceRows(chip: Chip, { region }: StateRows): number {
  return rowsOfPiece(chip, region.parts * region.partBytes);
}

export function rowsOfPiece({ scratchpad }: Chip, rowBytes: number): number {
  const fit = Math.floor(scratchpad.sizeBytes / PIECES / rowBytes / MX_BLOCK) * MX_BLOCK;
  return Math.max(fit, MX_BLOCK);
}

/** The first `reach` positions in pieces small enough that several fit in the ring; one when they are few. */
function spansOf(context: Context, rows: StateRows, reach: number): Span[] {
  const { S } = context.dims;
  const size = Math.min(S, pieceRows(context.chip, rows));
  return Array.from({ length: Math.ceil(reach / size) }, (_, i) => {
    const start = i * size;
    return { start, count: Math.min(size, S - start), used: Math.min(size, reach - start) };
  });
}

/**
 * Some positions of a state on the chip, part by part. Kept for the other blocks of the group, and loaded
 * once where keys are also the values, when these are all positions.
 */
function loadSpan(context: Context, group: Group, { memory, region }: StateRows, span: Span): Ref {
  const { parts, partBytes, capacity } = region;
  const from = memory + span.start * partBytes;
  const known = group.loaded.get(from);
  if (known !== undefined) return known;
  const at = context.tiles.allocate('state', 'context', parts * span.count * partBytes);
  context.tiles.emit('load', {
    ...contiguous(from, at, span.count * partBytes),
    planes: parts,
    memoryPlaneStride: capacity * partBytes,
    localPlaneStride: span.count * partBytes,
    unless: NONE,
  });
  if (span.count === context.dims.S) group.loaded.set(from, at);
  return at;
}

/** The scale bytes of the values, loaded once for all blocks of the group. */
function loadScales(context: Context, group: Group): Ref {
  const known = group.loaded.get(group.valueScales);
  if (known !== undefined) return known;
  const { S } = context.dims;
  const at = context.tiles.allocate('scales', 'constants', S);
  context.tiles.emit('load', { ...contiguous(group.valueScales, at, S), unless: NONE });
  group.loaded.set(group.valueScales, at);
  return at;
}

function lowerValues(
  context: Context,
  { group, first, tokens, reach }: Block,
  probabilities: MxPlacement,
): void {
  const anchor = group.kernel.anchors[0] as NodeOf<'attention'>;
  const columns = anchor.attrs.valueWidth;
  const width = roundUp(columns);
  const rows = tokens * group.heads;
  const at = context.tiles.allocate('attended', 'accumulator', rows * width * 4);
  for (const span of spansOf(context, group.values, reach)) {
    const source = channelsFrom(probabilities, span.start);
    context.tiles.emit('matmul', {
      ...activationFields({ source, tokens: rows, inner: 1 }),
      ...valueFields(context, group, span, width),
      c: at,
      cStride: width * 4,
      accumulate: Number(span.start > 0),
    });
  }
  const firstToken = group.sequence * context.dims.T + first;
  const place = { firstToken, firstHead: group.firstHead, firstChannel: 0 };
  const shape = { tokens, inner: group.heads, columns };
  const piece = { at, stride: group.heads * width * 4, innerStride: width * 4, ...shape, ...place };
  emitEpilogue(context, group.kernel.chain, piece, group.kernel.result);
}

/** Scores of `tokens` tokens, turned into quantised probabilities [(t, j)][S]. */
function lowerScores(context: Context, { group, first, tokens, reach }: Block): MxPlacement {
  const { T } = context.dims;
  const { query, heads } = group;
  const anchor = group.kernel.anchors[0] as NodeOf<'attention'>;
  const row = (group.sequence * T + first) * query.stride + group.firstHead * query.headStride;
  const source = { ...query, at: shift(query.at, row) };
  const scores = context.tiles.allocate('scores', 'accumulator', tokens * heads * reach * 4);
  for (const span of spansOf(context, group.keys, reach)) {
    context.tiles.emit('matmul', {
      ...activationFields({ source, tokens, inner: heads }),
      ...keyFields(context, group, span),
      c: shift(scores, span.start * 4),
      cStride: reach * 4,
      accumulate: 0,
    });
  }
  const probabilities = allocateProbabilities(context, query.format, tokens * heads, reach);
  context.tiles.emit('softmax', {
    a: scores,
    aStride: heads * reach * 4,
    aInner: reach * 4,
    b: loadScales(context, group),
    rows: tokens * heads,
    inner: heads,
    columns: reach,
    d: probabilities.at,
    dStride: heads * probabilities.stride,
    dInner: probabilities.stride,
    dFormat: FORMAT_CODES[query.format],
    group: 32,
    scale: Math.fround(anchor.attrs.scale),
    sequence: group.sequence,
    first,
    ...ONE_A_POSITION,
  });
  return probabilities;
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

function keyFields(context: Context, group: Group, span: Span): Record<string, Operand> {
  const { keys } = group;
  const block = blockBytes(keys.format);
  return {
    w: loadSpan(context, group, keys, span),
    wStride: keys.region.partBytes,
    wBlockStride: keys.region.parts === 1 ? block : span.count * block,
    wFormat: FORMAT_CODES[keys.format],
    columns: span.used,
    transposed: 0,
    k: keys.width,
  };
}

/** Values lie [token][channel]: one stored row is one k. Their scales are in the probabilities. */
function valueFields(
  context: Context,
  group: Group,
  span: Span,
  width: number,
): Record<string, Operand> {
  const { values } = group;
  return {
    w: loadSpan(context, group, values, span),
    wStride: values.region.partBytes,
    wBlockStride: blockBytes(values.format),
    wFormat: FORMAT_CODES[values.format],
    columns: width,
    transposed: 1,
    k: span.used,
  };
}
