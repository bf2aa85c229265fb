/**
 * Operators whose state a step replaces: docs/numerics.md, section 4, as vector instructions. The state of
 * a sequence comes once a step and goes back once; in between it lies on the chip, in pieces that leave
 * room for others.
 */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, type Node, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { tapsKey, type ReplacedRegion } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { loadFilled } from './epilogue.ts';
import { destinationOf, floatOf, headStrideOf, type FloatPlacement } from './placement.ts';
import { factor, into, PLAIN, source, type Fields, type Strides } from './rowFields.ts';
import { shift, type Ref } from './tiles.ts';

const COPIED = { aFormat: FORMAT_CODES.f32 };

/** A piece of state is at most this share of the scratchpad. */
const PIECES = 8;

function regionOf(context: Context, node: Node): ReplacedRegion {
  const state = node.inputs[0] as NodeOf<'state'>;
  return context.layout.regions.get(state.attrs.name) as ReplacedRegion;
}

/** How many parts of `bytes` a piece holds, one at least and `most` at most. */
function partsOfPiece({ chip }: Context, bytes: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(chip.scratchpad.sizeBytes / PIECES / bytes)));
}

/** Some channels after others: all rows of a sequence behind its last ones of the step before. */
export function lowerConvolution(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'causalConvolution'>;
  const channels = lastDim(node.type);
  const { B, T } = context.dims;
  const { lanes } = context.chip.vector;
  const past = (node.inputs[0]!.type.shape[1] as number) + T;
  const windows = partsOfPiece(context, B * past * lanes * 4, Math.ceil(channels / lanes));
  const width = windows * lanes;
  for (let first = 0; first < channels; first += width)
    convolve(context, node, first, Math.min(width, channels - first));
}

function convolve(
  context: Context,
  node: NodeOf<'causalConvolution'>,
  first: number,
  columns: number,
): void {
  const { tiles } = context;
  const { B, T } = context.dims;
  const [x, out] = [
    floatOf(context, node.inputs[1]!),
    destinationOf(context, node) as FloatPlacement,
  ];
  const region = regionOf(context, node);
  const [past, C] = node.inputs[0]!.type.shape.slice(1) as [number, number];
  const row = columns * 4;
  const plane = (past + T) * row;
  const rows = tiles.allocate('rows', 'tensors', B * plane);
  const state = {
    ...contiguous(region.address + first * 4, rows, row),
    ...{ rows: past, memoryStride: C * 4, localStride: row },
    ...{ planes: B, memoryPlaneStride: region.sequenceBytes, localPlaneStride: plane },
  };
  tiles.emit('load', { ...state, unless: NONE });
  const shape = { rows: B * T, inner: T, columns };
  const own: Strides = [plane, row];
  const given: Strides = [T * x.stride, x.stride];
  const result: Strides = [T * out.stride, out.stride];
  tiles.emit('copy', {
    ...{ ...source(shift(x.at, first * 4), given), ...shape, ...PLAIN, ...COPIED },
    ...into(shift(rows, past * row), own),
  });
  const taps = lastDim(node.inputs[2]!.type);
  const weights = loadTaps(context, node, first, columns);
  const product = tiles.allocate('product', 'tensors', B * T * row);
  const sum = into(shift(out.at, first * 4), result);
  for (let tap = 0; tap < taps; tap++) {
    const from = shift(rows, tap * (node.attrs.dilation ?? 1) * row);
    const target = tap === 0 ? sum : into(product, [T * row, row]);
    const factors = factor(shift(weights, tap * row), [0, 0]);
    tiles.emit('mul', { ...source(from, own), ...factors, ...shape, ...target, ...PLAIN });
    if (tap === 0) continue;
    const both = {
      ...source(shift(out.at, first * 4), result),
      ...factor(product, [T * row, row]),
    };
    tiles.emit('add', { ...both, ...shape, ...sum, ...PLAIN });
  }
  tiles.emit('store', { ...state, local: shift(rows, T * row) });
}

function loadTaps(
  context: Context,
  { inputs }: NodeOf<'causalConvolution'>,
  first: number,
  columns: number,
): Ref {
  const weight = inputs[2]!;
  const [C, W] = weight.type.shape as [number, number];
  const taps = context.tiles.allocate('taps', 'constants', W * columns * 4);
  context.tiles.emit('load', {
    ...contiguous(regionAddress(context, tapsKey(weight)) + first * 4, taps, columns * 4),
    ...{ rows: W, memoryStride: C * 4, localStride: columns * 4, unless: NONE },
  });
  return taps;
}

export function lowerDelta(context: Context, kernel: Kernel): void {
  new Delta(context, kernel.anchors[0] as NodeOf<'gatedDelta'>).emit();
}

/** Rows of heads, dense: from token to token. */
interface Rows {
  readonly at: Ref;
  readonly stride: number;
}

/** The gated delta rule: of each sequence some heads after others, token by token. */
class Delta {
  private readonly context: Context;
  private readonly node: NodeOf<'gatedDelta'>;
  /** Key heads, value heads of each, widths of a key and of a value. */
  private readonly G: number;
  private readonly shared: number;
  private readonly K: number;
  private readonly V: number;
  private readonly keys: FloatPlacement;
  private readonly rates: FloatPlacement;
  private readonly out: FloatPlacement;
  /** Keys times -1, queries times the scale, e^decay, and the values that become changes of the state. */
  private readonly negatives: Rows;
  private readonly queries: Rows;
  private readonly decays: Rows;
  private readonly changes: Rows;

  constructor(context: Context, node: NodeOf<'gatedDelta'>) {
    const [, q, k, v, decay, rate] = node.inputs as [Node, Node, Node, Node, Node, Node];
    this.context = context;
    this.node = node;
    [this.G, this.K] = k.type.shape.slice(2) as [number, number];
    this.V = lastDim(v.type);
    this.shared = (v.type.shape[2] as number) / this.G;
    this.keys = floatOf(context, k);
    this.rates = floatOf(context, rate);
    this.out = destinationOf(context, node) as FloatPlacement;
    this.negatives = this.times(k, -1);
    this.queries = this.times(q, Math.fround(node.attrs.scale));
    this.decays = this.made('exp', decay, [1, this.G * this.shared], {});
    this.changes = this.made('copy', v, [this.G * this.shared, this.V], COPIED);
  }

  emit(): void {
    const { B } = this.context.dims;
    const bytes = this.shared * this.K * this.V * 4;
    const heads = partsOfPiece(this.context, bytes, this.G);
    for (let sequence = 0; sequence < B; sequence++) {
      for (let first = 0; first < this.G; first += heads)
        this.piece(sequence, first, Math.min(heads, this.G - first));
    }
  }

  /** Some key heads of a sequence, with all the value heads of each. */
  private piece(sequence: number, first: number, heads: number): void {
    const { tiles, dims } = this.context;
    const { address, sequenceBytes } = regionOf(this.context, this.node);
    const bytes = this.shared * this.K * this.V * 4;
    const state = tiles.allocate('state', 'tensors', heads * bytes);
    const memory = address + sequence * sequenceBytes + first * bytes;
    const transfer = contiguous(memory, state, heads * bytes);
    tiles.emit('load', { ...transfer, unless: NONE });
    for (let t = 0; t < dims.T; t++) {
      for (let member = 0; member < this.shared; member++)
        this.token(state, sequence * dims.T + t, first, heads, member);
    }
    tiles.emit('store', transfer);
  }

  /** A token of the value heads that are the same of their key heads. */
  private token(state: Ref, row: number, first: number, heads: number, member: number): void {
    const { shared, K, V, keys, rates, negatives, queries, decays, changes, out } = this;
    const { tiles } = this.context;
    const head = first * shared + member;
    const own = shift(state, member * K * V * 4);
    const matrix: Strides = [shared * K * V * 4, V * 4];
    const inState = { rows: heads * K, inner: K, columns: V };
    const keyStride = headStrideOf(keys, K);
    const key = shift(keys.at, row * keys.stride + first * keyStride);
    const change = shift(changes.at, row * changes.stride + head * V * 4);
    const values: Strides = [shared * V * 4, 0];
    const perHead: Strides = [shared * 4, 0];
    const terms = { rows: heads, terms: K, columns: V };
    const ofKeys = ({ at, stride }: Rows): Ref => shift(at, row * stride + first * K * 4);
    const forget = factor(shift(decays.at, row * decays.stride + head * 4), perHead);
    tiles.emit('scale', {
      ...source(own, matrix),
      ...forget,
      ...inState,
      ...into(own, matrix),
      ...PLAIN,
    });
    tiles.emit('mix', {
      ...{ ...source(own, matrix), ...factor(ofKeys(negatives), [K * 4, 4]), ...terms },
      ...{ d: change, dStride: shared * V * 4, accumulate: 1 },
    });
    tiles.emit('scale', {
      ...source(change, values),
      ...factor(shift(rates.at, row * rates.stride + head * 4), perHead),
      ...{ rows: heads, inner: 1, columns: V, ...into(change, values), ...PLAIN },
    });
    tiles.emit('scaleAdd', {
      ...{ ...source(change, values), ...factor(key, [keyStride, 4]) },
      ...{ ...inState, ...into(own, matrix) },
    });
    const outStride = headStrideOf(out, V);
    tiles.emit('mix', {
      ...{ ...source(own, matrix), ...factor(ofKeys(queries), [K * 4, 4]), ...terms },
      ...{ d: shift(out.at, row * out.stride + head * outStride), dStride: shared * outStride },
      accumulate: 0,
    });
  }

  /** Rows of key heads times a number. */
  private times(node: Node, value: number): Rows {
    const number = factor(loadFilled(this.context, value, 1), [0, 0]);
    return this.made('scale', node, [this.G, this.K], number);
  }

  /** What an instruction makes of a value of all tokens. */
  private made(
    op: 'copy' | 'exp' | 'scale',
    node: Node,
    [inner, columns]: readonly [number, number],
    others: Fields,
  ): Rows {
    const { tiles, rows } = this.context;
    const placed = floatOf(this.context, node);
    const stride = inner * columns * 4;
    const at = tiles.allocate(node.op, 'tensors', rows * stride);
    tiles.emit(op, {
      ...{ ...source(placed.at, [placed.stride, headStrideOf(placed, columns)]), ...others },
      ...{ rows: rows * inner, inner, columns, ...into(at, [stride, columns * 4]), ...PLAIN },
    });
    return { at, stride };
  }
}
