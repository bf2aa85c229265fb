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
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { mxRowBytes, type StateRegion } from '../layout.ts';
import { contiguous, type Context } from './context.ts';
import { elementBytes, emitEpilogue } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { channelsFrom, mxOf, placeOf, type MxPlacement } from './placement.ts';
import { regionsOf } from './regions.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** Pieces of state that share the ring: two being used, two on their way. */
const PIECES = 4;

/** The state rows of one sequence and key head: where they are in memory and what a row is. */
interface StateRows {
  readonly memory: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly format: MxFormat;
}

/** What is the same for all blocks of one sequence and key head. */
interface Group {
  readonly kernel: Kernel;
  readonly query: MxPlacement;
  readonly keys: StateRows;
  readonly values: StateRows;
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
      const rows = [keys, values].map((append) => stateRows(context, append, sequence, g));
      const shared = { kernel, query, keys: rows[0]!, values: rows[1]!, sequence };
      const group = { ...shared, firstHead: g * heads, heads, loaded: new Map() };
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

/** Appends rows to a state: one store for each sequence, a plane for each key head. */
export function storeState(context: Context, append: Node): void {
  const region = stateRegion(context, append);
  const rows = placeOf(context, append.inputs[1]!) as MxPlacement;
  const { T } = context.dims;
  const plane = region.capacity * region.rowBytes;
  for (let sequence = 0; sequence < context.dims.B; sequence++) {
    const local = shift(rows.data, sequence * T * rows.stride);
    context.tiles.emit('store', {
      ...contiguous(region.address + sequence * region.groups * plane, local, region.rowBytes),
      rows: T,
      memoryStride: region.rowBytes,
      localStride: rows.stride,
      planes: region.groups,
      memoryPlaneStride: plane,
      localPlaneStride: rows.headStride,
      positionStride: region.rowBytes,
      sequence,
    });
  }
}

function stateRegion(context: Context, append: Node): StateRegion {
  const [state] = append.inputs as [NodeOf<'state'>];
  return context.layout.regions.get(state.attrs.name) as StateRegion;
}

function stateRows(context: Context, append: Node, sequence: number, group: number): StateRows {
  const { address, groups, capacity, rowBytes } = stateRegion(context, append);
  const memory = address + (sequence * groups + group) * capacity * rowBytes;
  return { memory, rowBytes, width: lastDim(append.type), format: append.type.dtype as MxFormat };
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
function spansOf(context: Context, { rowBytes }: StateRows): Span[] {
  const { S } = context.dims;
  const size = Math.min(S, pieceRows(context.chip, rowBytes));
  return Array.from({ length: Math.ceil(S / size) }, (_, i) => {
    const start = i * size;
    return { start, count: Math.min(size, S - start) };
  });
}

/** A piece of the state on the chip. Keys that are also the values are loaded once if in one piece. */
function loadSpan(context: Context, group: Group, rows: StateRows, span: Span): Ref {
  const memory = rows.memory + span.start * rows.rowBytes;
  const known = group.loaded.get(memory);
  if (known !== undefined) return known;
  const bytes = span.count * rows.rowBytes;
  const data = context.tiles.allocate('state', 'context', bytes);
  context.tiles.emit('load', { ...contiguous(memory, data, bytes), unless: NONE });
  if (span.count === context.dims.S) group.loaded.set(memory, data);
  return data;
}

/** The scale of every value row, and the bytes between two: in the rows themselves when all are there. */
function valueScales(context: Context, group: Group): { b: Ref; bStride: number } {
  const { values, loaded } = group;
  const { S } = context.dims;
  const scale = elementBytes(values.width, values.format);
  const spans = spansOf(context, values);
  if (spans.length === 1) {
    return {
      b: shift(loadSpan(context, group, values, spans[0]!), scale),
      bStride: values.rowBytes,
    };
  }
  const known = loaded.get(-1) ?? context.tiles.allocate('scales', 'context', S);
  if (!loaded.has(-1)) {
    const transfer = contiguous(values.memory + scale, known, 1);
    const strides = { rows: S, memoryStride: values.rowBytes, localStride: 1 };
    context.tiles.emit('load', { ...transfer, ...strides, unless: NONE });
    loaded.set(-1, known);
  }
  return { b: known, bStride: 1 };
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
  const source = { ...query, data: shift(query.data, row), scale: shift(query.scale, row) };
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
    ...valueScales(context, group),
    rows: tokens * heads,
    inner: heads,
    columns: S,
    d: probabilities.data,
    dScale: probabilities.scale,
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
  const data = context.tiles.allocate('probabilities', 'tensors', rows * stride);
  const scale = shift(data, elementBytes(S, format));
  return { kind: 'mx', format, data, scale, stride, heads: 1, headStride: 0, width: S, rows };
}

function keyFields(context: Context, group: Group, span: Span): Record<string, Operand> {
  const { keys } = group;
  const data = loadSpan(context, group, keys, span);
  return {
    wData: data,
    wScale: shift(data, elementBytes(keys.width, keys.format)),
    wStride: keys.rowBytes,
    wScaleStride: keys.rowBytes,
    wFormat: FORMAT_CODES[keys.format],
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
  const { values } = group;
  return {
    wData: loadSpan(context, group, values, span),
    wScale: NONE,
    wStride: values.rowBytes,
    wScaleStride: 0,
    wFormat: FORMAT_CODES[values.format],
    columns: width,
    transposed: 1,
    k: span.count,
  };
}
