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
import { type Kernel } from '../../../compile/index.ts';
import { lastDim, type MxFormat, type Node, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { mxRowBytes, type StateRegion } from '../layout.ts';
import { contiguous, type Context } from './context.ts';
import { elementBytes, emitEpilogue } from './epilogue.ts';
import { activationFields } from './matmul.ts';
import { mxOf, placeOf, type MxPlacement } from './placement.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

/** The rows of one sequence and key head on the chip. */
interface StateRows {
  readonly data: Ref;
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
}

export function lowerAttention(context: Context, kernel: Kernel): void {
  const anchor = kernel.anchors[0] as NodeOf<'attention'>;
  const [q, keys, values] = anchor.inputs as [Node, Node, Node, Node];
  const query = mxOf(context, q);
  const groups = keys.type.shape[2] as number;
  const heads = query.heads / groups;
  const blocks: Block[] = [];
  for (let sequence = 0; sequence < context.dims.B; sequence++) {
    for (let group = 0; group < groups; group++) {
      const keyRows = loadState(context, keys, sequence, group);
      const valueRows = values === keys ? keyRows : loadState(context, values, sequence, group);
      const shared = { kernel, query, keys: keyRows, values: valueRows, sequence };
      blocks.push(...blocksOf(context, { ...shared, firstHead: group * heads, heads }));
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

function loadState(context: Context, append: Node, sequence: number, group: number): StateRows {
  const region = stateRegion(context, append);
  const bytes = context.dims.S * region.rowBytes;
  const data = context.tiles.allocate('state', 'context', bytes);
  const row = (sequence * region.groups + group) * region.capacity;
  const memory = region.address + row * region.rowBytes;
  context.tiles.emit('load', { ...contiguous(memory, data, bytes), unless: NONE });
  const format = append.type.dtype as MxFormat;
  return { data, rowBytes: region.rowBytes, width: lastDim(append.type), format };
}

/** The tokens of a group whose scores fit in one accumulator bank. */
interface Block {
  readonly group: Group;
  readonly first: number;
  readonly tokens: number;
}

function blocksOf(context: Context, group: Group): Block[] {
  const { T, S } = context.dims;
  const bank = context.chip.accumulator.sizeBytes / context.chip.accumulator.banks;
  const block = Math.min(T, Math.floor(bank / (group.heads * S * 4)));
  if (block < 1) {
    throw new CapacityError(
      `scores of one token need ${group.heads * S * 4} bytes of an accumulator bank of ${bank} bytes`,
      { where: group.kernel.name, hint: 'use a shorter context or a chip with larger accumulators' },
    );
  }
  return Array.from({ length: Math.ceil(T / block) }, (_, i) => {
    const first = i * block;
    return { group, first, tokens: Math.min(block, T - first) };
  });
}

function lowerValues(context: Context, { group, first, tokens }: Block, probabilities: MxPlacement): void {
  const anchor = group.kernel.anchors[0] as NodeOf<'attention'>;
  const width = anchor.attrs.valueWidth;
  const rows = tokens * group.heads;
  const at = context.tiles.allocate('attended', 'accumulator', rows * width * 4);
  context.tiles.emit('matmul', {
    ...activationFields({ source: probabilities, tokens: rows, inner: 1 }),
    ...valueFields(context, group.values, width),
    c: at,
    cStride: width * 4,
    accumulate: 0,
  });
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
  context.tiles.emit('matmul', {
    ...activationFields({ source, tokens, inner: heads }),
    ...keyFields(context, group.keys),
    c: scores,
    cStride: S * 4,
    accumulate: 0,
  });
  const probabilities = allocateProbabilities(context, query.format, tokens * heads);
  context.tiles.emit('softmax', {
    a: scores,
    aStride: heads * S * 4,
    aInner: S * 4,
    b: shift(group.values.data, elementBytes(group.values.width, group.values.format)),
    bStride: group.values.rowBytes,
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

function keyFields(context: Context, keys: StateRows): Record<string, Operand> {
  return {
    wData: keys.data,
    wScale: shift(keys.data, elementBytes(keys.width, keys.format)),
    wStride: keys.rowBytes,
    wScaleStride: keys.rowBytes,
    wFormat: FORMAT_CODES[keys.format],
    columns: context.dims.S,
    transposed: 0,
    k: keys.width,
  };
}

/** Values lie [token][channel]: one stored row is one k. Their scales are in the probabilities. */
function valueFields(context: Context, values: StateRows, width: number): Record<string, Operand> {
  return {
    wData: values.data,
    wScale: NONE,
    wStride: values.rowBytes,
    wScaleStride: 0,
    wFormat: FORMAT_CODES[values.format],
    columns: width,
    transposed: 1,
    k: context.dims.S,
  };
}
