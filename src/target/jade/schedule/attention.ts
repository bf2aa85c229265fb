/**
 * Attention: keys and values of a sequence come from its state in memory; the heads that share them
 * go through the matrix unit as rows of one product.
 *
 *   scores (t, j) × s  = q (t, j) × keysᵀ      probabilities = softmax, quantised along s
 *   result (t, j) × v  = probabilities × values
 *
 * Tokens are taken in blocks whose scores fit in the accumulators.
 */
import { CapacityError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { type Kernel } from '../../../compile/index.ts';
import { lastDim, MX_BLOCK, type MxFormat, type Node, type NodeOf } from '../../../ir/index.ts';
import { blockBytes, FORMAT_CODES, NONE } from '../isa.table.ts';
import { mxRowBytes, scalesKey, type StateRegion } from '../layout.ts';
import { contiguous, type Context } from './context.ts';
import { emitEpilogue } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { channelsFrom, mxOf, placeOf, type MxPlacement } from './placement.ts';
import { regionsOf } from './regions.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** Pieces of state that share the ring: two being used, two on their way. */
const PIECES = 4;

/** The state rows of one sequence and key head: where position 0 is in memory and what a row is. */
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
  /** The scale bytes of the values. */
  readonly valueScales: Pick<StateRows, 'memory' | 'region'>;
  readonly sequence: number;
  /** First query head, and how many share the keys. */
  readonly firstHead: number;
  readonly heads: number;
  /** Pieces of the state on the chip, by memory address: loaded when first used. */
  readonly loaded: Map<number, Ref>;
}

/** The tokens of a group whose scores fit in one accumulator bank, and their results in all. */
interface Block {
  readonly group: Group;
  readonly first: number;
  readonly tokens: number;
}

export function lowerAttention(context: Context, kernel: Kernel): void {
  const anchor = kernel.anchors[0] as NodeOf<'attention'>;
  const [q, keys, values] = anchor.inputs as [Node, Node, Node, Node];
  const query = mxOf(context, q);
  const groups = keys.type.shape[2] as number;
  const heads = query.heads / groups;
  const blocks: Block[] = [];
  for (let sequence = 0; sequence < context.dims.B; sequence++) {
    for (let g = 0; g < groups; g++) {
      const [keyRows, valueRows] = [keys, values].map((append) =>
        stateRows(context, append, sequence, g),
      ) as [StateRows, StateRows];
      const region = scalesRegion(context, values)!;
      const valueScales = { memory: rowsAddress(region, sequence, g), region };
      const state = { keys: keyRows, values: valueRows, valueScales, sequence };
      const group = { kernel, query, ...state, firstHead: g * heads, heads, loaded: new Map() };
      blocks.push(...blocksOf(context, group));
    }
  }
  lowerBlocks(context, blocks);
}

/** One block ahead: the matrix unit takes the next scores while the vector unit has the softmax. */
function lowerBlocks(context: Context, blocks: readonly Block[]): void {
  let probabilities = lowerScores(context, blocks[0]!);
  blocks.forEach((block, i) => {
    const next = blocks[i + 1];
    const ahead = next === undefined ? probabilities : lowerScores(context, next);
    lowerValues(context, block, probabilities);
    probabilities = ahead;
  });
}

function blocksOf(context: Context, group: Group): Block[] {
  const { T, S } = context.dims;
  const { sizeBytes, banks } = context.chip.accumulator;
  const bank = sizeBytes / banks;
  const { valueWidth } = (group.kernel.anchors[0] as NodeOf<'attention'>).attrs;
  const [scores, results] = [group.heads * S * 4, group.heads * valueWidth * 4];
  const size = Math.min(T, Math.floor(bank / scores), Math.floor(sizeBytes / results));
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
    return { group, first, tokens: Math.min(size, T - first) };
  });
}

/** Appends rows to a state, and their scale bytes where they are values. */
export function storeState(context: Context, append: Node): void {
  const rows = placeOf(context, append.inputs[1]!) as MxPlacement;
  storeRows(context, stateRegion(context, append), rows);
  const scales = scalesRegion(context, append);
  // The values are the first channels of a row and share one scale: that of the first block.
  if (scales !== undefined) storeRows(context, scales, rows);
}

/** The parts of each row to its position: a store for each sequence and part, a plane for each key head. */
function storeRows(context: Context, region: StateRegion, rows: MxPlacement): void {
  const { T } = context.dims;
  const { parts, partBytes, capacity } = region;
  for (let sequence = 0; sequence < context.dims.B; sequence++) {
    const memory = rowsAddress(region, sequence, 0);
    const local = shift(rows.at, sequence * T * rows.stride);
    for (let part = 0; part < parts; part++) {
      const from = shift(local, part * partBytes);
      context.tiles.emit('store', {
        ...contiguous(memory + part * capacity * partBytes, from, partBytes),
        rows: T,
        memoryStride: partBytes,
        localStride: rows.stride,
        planes: region.groups,
        memoryPlaneStride: parts * capacity * partBytes,
        localPlaneStride: rows.headStride,
        positionStride: partBytes,
        sequence,
      });
    }
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
  { address, groups, capacity, parts, partBytes }: StateRegion,
  sequence: number,
  group: number,
): number {
  return address + (sequence * groups + group) * capacity * parts * partBytes;
}

function stateRows(context: Context, append: Node, sequence: number, group: number): StateRows {
  const region = stateRegion(context, append);
  const memory = rowsAddress(region, sequence, group);
  const format = append.type.dtype as MxFormat;
  return { memory, region, width: lastDim(append.type), format };
}

/** A range of positions, a whole number of blocks of 32. */
interface Span {
  readonly start: number;
  readonly count: number;
}

/** Rows of state in one piece. */
export function pieceRows(chip: Chip, rowBytes: number): number {
  const ring = regionsOf(chip).find((region) => region.name === 'context')!;
  const fit = Math.floor(ring.sizeBytes / PIECES / rowBytes / MX_BLOCK) * MX_BLOCK;
  return Math.max(fit, MX_BLOCK);
}

/** The context in pieces small enough that several fit in the ring; one when it is short. */
function spansOf(context: Context, { width, format }: StateRows): Span[] {
  const { S } = context.dims;
  const size = Math.min(S, pieceRows(context.chip, mxRowBytes(width, format)));
  return Array.from({ length: Math.ceil(S / size) }, (_, i) => {
    const start = i * size;
    return { start, count: Math.min(size, S - start) };
  });
}

/** A piece of the state on the chip: kept for the other blocks of the group when it is the whole context. */
function loadSpan(
  context: Context,
  group: Group,
  { memory, region }: Pick<StateRows, 'memory' | 'region'>,
  { start, count }: Span,
): Ref {
  const { parts, partBytes, capacity } = region;
  const address = memory + start * partBytes;
  const known = group.loaded.get(address);
  if (known !== undefined) return known;
  const bytes = count * partBytes;
  const at = context.tiles.allocate('state', 'context', parts * bytes);
  context.tiles.emit('load', {
    ...contiguous(address, at, bytes),
    rows: parts,
    memoryStride: capacity * partBytes,
    localStride: bytes,
    unless: NONE,
  });
  if (count === context.dims.S) group.loaded.set(address, at);
  return at;
}

function lowerValues(
  context: Context,
  { group, first, tokens }: Block,
  probabilities: MxPlacement,
): void {
  const anchor = group.kernel.anchors[0] as NodeOf<'attention'>;
  const width = anchor.attrs.valueWidth;
  const rows = tokens * group.heads;
  const at = context.tiles.allocate('attended', 'accumulator', rows * width * 4);
  for (const span of spansOf(context, group.values)) {
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
  const shape = { tokens, inner: group.heads, columns: width };
  const piece = { at, stride: group.heads * width * 4, innerStride: width * 4, ...shape, ...place };
  emitEpilogue(context, group.kernel.chain, piece, group.kernel.result);
}

/** Scores of `tokens` tokens, turned into quantised probabilities [(t, j)][S]. */
function lowerScores(context: Context, { group, first, tokens }: Block): MxPlacement {
  const { S, T } = context.dims;
  const { query, heads } = group;
  const anchor = group.kernel.anchors[0] as NodeOf<'attention'>;
  const row = (group.sequence * T + first) * query.stride + group.firstHead * query.headStride;
  const source = { ...query, at: shift(query.at, row) };
  const scores = context.tiles.allocate('scores', 'accumulator', tokens * heads * S * 4);
  for (const span of spansOf(context, group.keys)) {
    context.tiles.emit('matmul', {
      ...activationFields({ source, tokens, inner: heads }),
      ...keyFields(context, group, span),
      c: shift(scores, span.start * 4),
      cStride: S * 4,
      accumulate: 0,
    });
  }
  const probabilities = allocateProbabilities(context, query.format, tokens * heads);
  context.tiles.emit('softmax', {
    a: scores,
    aStride: heads * S * 4,
    aInner: S * 4,
    b: loadSpan(context, group, group.valueScales, { start: 0, count: S }),
    rows: tokens * heads,
    inner: heads,
    columns: S,
    d: probabilities.at,
    dStride: heads * probabilities.stride,
    dInner: probabilities.stride,
    dFormat: FORMAT_CODES[query.format],
    group: 32,
    scale: Math.fround(anchor.attrs.scale),
    sequence: group.sequence,
    first,
  });
  return probabilities;
}

function allocateProbabilities(context: Context, format: MxFormat, rows: number): MxPlacement {
  const { S } = context.dims;
  const stride = mxRowBytes(S, format);
  const at = context.tiles.allocate('probabilities', 'tensors', rows * stride);
  return { kind: 'mx', format, at, stride, heads: 1, headStride: 0, width: S, rows };
}

function keyFields(context: Context, group: Group, span: Span): Record<string, Operand> {
  const { keys } = group;
  return {
    ...stateFields(context, group, keys, span),
    columns: span.count,
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
  return {
    ...stateFields(context, group, group.values, span),
    columns: width,
    transposed: 1,
    k: span.count,
  };
}

/** A piece of the state as weights: from position to position, and from block to block of a row. */
function stateFields(
  context: Context,
  group: Group,
  rows: StateRows,
  span: Span,
): Record<string, Operand> {
  const { parts, partBytes } = rows.region;
  return {
    w: loadSpan(context, group, rows, span),
    wStride: partBytes,
    wBlockStride: parts === 1 ? blockBytes(rows.format) : span.count * partBytes,
    wFormat: FORMAT_CODES[rows.format],
  };
}
