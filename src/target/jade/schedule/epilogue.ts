/**
 * The epilogue of a kernel: the chain of row-wise operators that follows its anchor, emitted for one
 * piece of the result (some rows, some channels) while it is still in the accumulators.
 *
 * Intermediate values stay f32 and are written over the piece itself. The last instruction writes the
 * kernel's destination, quantising on the way when the chain says so.
 */
import {
  countElements,
  lastDim,
  sameShape,
  withLast,
  type Node,
  type NodeOf,
} from '../../../ir/index.ts';
import { FORMAT_CODES, NONE, type Opcode } from '../isa.table.ts';
import { filledKey, rotaryKey } from '../layout.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import {
  channelsFrom,
  destinationOf,
  findPlace,
  floatOf,
  headStrideOf,
  type Placement,
} from './placement.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

type Fields = Record<string, Operand>;

/** f32 rows (t, j) of a value: some of its tokens, heads and channels. */
export interface Piece {
  readonly at: Ref;
  /** Bytes from token t to t+1, and from head j to j+1. */
  readonly stride: number;
  readonly innerStride: number;
  /** Tokens, heads and channels of the piece. */
  readonly tokens: number;
  readonly inner: number;
  readonly columns: number;
  /** Where the piece starts inside the value. */
  readonly firstToken: number;
  readonly firstHead: number;
  readonly firstChannel: number;
  /** i32 in the control memory with the number of rows (experts); the whole piece otherwise. */
  readonly rowCount?: Ref;
}

/** One vector instruction: the views to apply to the piece first, the operator, and its rounding. */
interface Step {
  readonly views: readonly Node[];
  readonly compute: Node | undefined;
  quantize: NodeOf<'quantize'> | undefined;
}

/** The instruction of each operator that an epilogue has. */
export const EPILOGUE_OPCODES: Partial<Record<Node['op'], Exclude<Opcode, 'matmul'>>> = {
  rmsNormalization: 'rms',
  rotaryEmbedding: 'rope',
  add: 'add',
  mul: 'mul',
  silu: 'silu',
  signedRoot: 'signedRoot',
  swiglu: 'swiglu',
  sigmoid: 'sigmoid',
  softplus: 'softplus',
  l2Normalization: 'rms',
};

/** The instruction of an operator in an epilogue; undefined where it has none. */
export function opcodeOf(node: Node): Exclude<Opcode, 'matmul'> | undefined {
  return isScaling(node) ? 'scale' : EPILOGUE_OPCODES[node.op];
}

/** Whether each row is multiplied by a number of its own. */
export function isScaling({ op, inputs }: Node): boolean {
  if (op !== 'mul') return false;
  const [x, factors] = inputs as [Node, Node];
  const isNumber = lastDim(factors.type) === 1 && lastDim(x.type) > 1;
  return isNumber && sameShape(factors.type.shape, withLast(x.type.shape, 1));
}

/**
 * Emits `chain` on `piece` and leaves the value of `result` in its place. `partner` is the second
 * operand of a leading swiglu; `source` says that the piece may not be overwritten.
 */
export function emitEpilogue(
  context: Context,
  chain: readonly Node[],
  piece: Piece,
  result: Node,
  options: { readonly partner?: Ref; readonly keepSource?: boolean } = {},
): void {
  const steps = stepsOf(chain, context.chip.vector.lanes);
  let current = piece;
  steps.forEach((step, i) => {
    current = step.views.reduce(applyView, current);
    const last = i === steps.length - 1;
    const operands = operandsOf(context, step.compute, current, options.partner);
    if (last) {
      emitVector(context, step, operands, current, destinationOf(context, result));
    } else {
      const mayOverwrite = i > 0 || options.keepSource !== true;
      const next = pieceBefore(context, steps[i + 1]!, current, mayOverwrite);
      emitVector(context, step, operands, current, inPlace(next));
      current = next;
    }
  });
}

/** Where a step finds its operand: over that of the step before if it may, and between zeros if it must. */
function pieceBefore(context: Context, step: Step, piece: Piece, mayOverwrite: boolean): Piece {
  if (!fills(step.quantize)) return mayOverwrite ? piece : temporary(context, piece);
  const { group } = step.quantize!.attrs;
  const filled = { ...piece, columns: Math.ceil(piece.columns / group) * group };
  const next = temporary(context, filled);
  const [rows, columns] = [piece.tokens * piece.inner, filled.columns];
  context.tiles.emit('zero', { d: next.at, dStride: columns * 4, rows, columns });
  return next;
}

/** The vector instructions of a chain, in order, on a unit of `lanes` lanes. */
export function stepsOf(chain: readonly Node[], lanes: number): Step[] {
  const steps: Step[] = [];
  let views: Node[] = [];
  for (const node of chain) {
    const previous = steps.at(-1);
    if (node.op === 'splitHeads' && node.attrs.heads === 1) continue;
    if (node.op === 'splitHeads' || node.op === 'mergeHeads') views.push(node);
    else if (node.op !== 'quantize') steps.push({ views, compute: node, quantize: undefined });
    else if (fills(node)) {
      // The rows are written between zeros first.
      if (previous === undefined || views.length > 0)
        steps.push({ views, compute: undefined, quantize: undefined });
      steps.push({ views: [], compute: undefined, quantize: node });
    } else if (
      previous !== undefined &&
      views.length === 0 &&
      fits(previous, node.attrs.group, lanes)
    )
      previous.quantize = node;
    else steps.push({ views, compute: undefined, quantize: node });
    if (steps.at(-1) !== previous) views = [];
  }
  return steps.length > 0 ? steps : [{ views, compute: undefined, quantize: undefined }];
}

/**
 * Whether the step's own instruction can quantise with this group; a copy can with all. Rotating the
 * two halves of a row stores each half by itself.
 */
function fits({ compute }: Step, group: number, lanes: number): boolean {
  const hasHalves = compute?.op === 'rotaryEmbedding' && compute.attrs.layout !== 'interleaved';
  const isWhole = !hasHalves || (lastDim(compute.type) / 2) % group === 0;
  return isWhole && group <= lanes && Number.isInteger(Math.log2(group));
}

/** Whether rows are filled up with zeros before they are quantised. */
function fills(node: NodeOf<'quantize'> | undefined): boolean {
  return node !== undefined && lastDim(node.type) > lastDim(node.inputs[0]!.type);
}

function applyView(piece: Piece, view: Node): Piece {
  return view.op === 'splitHeads' ? splitHeads(piece, lastDim(view.type)) : mergeHeads(piece);
}

function splitHeads(piece: Piece, width: number): Piece {
  const { columns, firstChannel } = piece;
  const split = { inner: columns / width, innerStride: width * 4, columns: width };
  return { ...piece, ...split, firstHead: firstChannel / width, firstChannel: 0 };
}

/** Heads of one token follow each other in the piece, so merging them moves nothing. */
function mergeHeads(piece: Piece): Piece {
  const { inner, columns, firstHead, firstChannel } = piece;
  const merged = { inner: 1, innerStride: 0, columns: inner * columns };
  return { ...piece, ...merged, firstHead: 0, firstChannel: firstHead * columns + firstChannel };
}

function temporary(context: Context, piece: Piece): Piece {
  const { tokens, inner, columns } = piece;
  const stride = inner * columns * 4;
  const at = context.tiles.allocate('intermediate', 'tensors', tokens * stride);
  return { ...piece, at, stride, innerStride: columns * 4 };
}

function inPlace(piece: Piece): Fields {
  return {
    d: piece.at,
    dStride: piece.stride,
    dInner: piece.innerStride,
    dFormat: FORMAT_CODES.f32,
    group: 0,
  };
}

function emitVector(
  context: Context,
  step: Step,
  operands: Fields,
  piece: Piece,
  destination: Placement | Fields,
): void {
  const group = step.quantize?.attrs.group ?? 0;
  const target =
    'kind' in destination ? targetFields(destination as Placement, piece, group) : destination;
  const op = step.compute === undefined ? 'copy' : opcodeOf(step.compute)!;
  const rows = { rows: piece.tokens * piece.inner, inner: piece.inner, columns: piece.columns };
  const source = { a: piece.at, aStride: piece.stride, aInner: piece.innerStride };
  const counted = ['rms', 'rope'].includes(op) ? {} : { rowCount: piece.rowCount ?? NONE };
  context.tiles.emit(op, { ...source, ...operands, ...rows, ...(target as Fields), ...counted });
}

/** Destination fields for the part of a placed value that `piece` computes. */
function targetFields(placed: Placement, piece: Piece, group: number): Fields {
  const { firstToken, firstHead, firstChannel, columns } = piece;
  if (placed.kind === 'f32') {
    const dInner = headStrideOf(placed, columns);
    const bytes = firstToken * placed.stride + firstHead * dInner + firstChannel * 4;
    const strides = { dStride: placed.stride, dInner };
    return { d: shift(placed.at, bytes), ...strides, dFormat: FORMAT_CODES.f32, group: 0 };
  }
  const rows = firstToken * placed.stride + firstHead * placed.headStride;
  return {
    d: shift(channelsFrom(placed, firstChannel).at, rows),
    dStride: placed.stride,
    dInner: placed.headStride,
    dFormat: FORMAT_CODES[placed.format],
    group,
  };
}

/** The fields of an operator's other operands and attributes. */
function operandsOf(
  context: Context,
  node: Node | undefined,
  piece: Piece,
  partner: Ref | undefined,
): Fields {
  switch (node?.op) {
    case undefined:
      return { aFormat: FORMAT_CODES.f32 };
    case 'rmsNormalization':
      return {
        b:
          node.inputs[1] === undefined
            ? loadFilled(context, 1, piece.columns)
            : loadConstant(context, node.inputs[1]),
        epsilon: Math.fround(node.attrs.epsilon),
        inverse: Math.fround(1 / piece.columns),
      };
    case 'l2Normalization':
      return {
        b: loadFilled(context, 1, piece.columns),
        epsilon: Math.fround(node.attrs.epsilon),
        inverse: 1,
      };
    case 'signedRoot':
      return { smallest: Math.fround(node.attrs.smallest) };
    case 'rotaryEmbedding':
      return rotaryOperands(context, node, piece);
    case 'swiglu':
      return { ...gated(context, node, piece, partner), limit: Math.fround(node.attrs.limit ?? 0) };
    case 'add':
    case 'mul':
      if (isScaling(node)) return factorOperand(context, node, piece);
      return node.inputs[1]!.op === 'weight'
        ? constantRow(context, node.inputs[1], piece)
        : otherOperand(context, node, piece);
    default:
      return {};
  }
}

/** What the gates multiply: beside them in the piece's product, or placed already. */
function gated(context: Context, node: Node, piece: Piece, partner: Ref | undefined): Fields {
  if (partner === undefined) return otherOperand(context, node, piece);
  return { b: partner, bStride: piece.stride, bInner: piece.innerStride };
}

/** The operand of add or mul that the chain did not bring: the one that is placed already. */
function otherOperand(context: Context, node: Node, piece: Piece): Fields {
  const placed = node.inputs.findLast((input) => findPlace(context, input) !== undefined)!;
  const found = floatOf(context, placed);
  const { at, stride } = found;
  const bInner = headStrideOf(found, piece.columns);
  const bytes = piece.firstToken * stride + piece.firstHead * bInner + piece.firstChannel * 4;
  return { b: shift(at, bytes), bStride: stride, bInner };
}

/** Numbers that the rows of the piece are multiplied by. */
function factorOperand(context: Context, node: Node, { firstToken, firstHead }: Piece): Fields {
  const factors = floatOf(context, node.inputs[1]!);
  const bInner = headStrideOf(factors, 1);
  const b = shift(factors.at, firstToken * factors.stride + firstHead * bInner);
  return { b, bStride: factors.stride, bInner };
}

/** A row of constants that every row of the piece meets, such as biases: the same for each token and head. */
function constantRow(context: Context, weight: Node, { firstChannel }: Piece): Fields {
  return { b: shift(loadConstant(context, weight), firstChannel * 4), bStride: 0, bInner: 0 };
}

/** Loads f32 weights (a row of norms or biases, or several) next to their use. */
export function loadConstant(context: Context, weight: Node): Ref {
  if (weight.op !== 'weight')
    throw new Error(`a constant operand must be a weight, not ${weight.op}`);
  const bytes = countElements(weight.type.shape as number[]) * 4;
  const local = context.tiles.allocate(weight.attrs.name, 'constants', bytes);
  context.tiles.emit('load', {
    ...contiguous(regionAddress(context, `f32:${weight.attrs.name}`), local, bytes),
    unless: NONE,
  });
  return local;
}

/** A row of one number, such as the ones of norms without weights of their own. */
export function loadFilled(context: Context, value: number, columns: number): Ref {
  const local = context.tiles.allocate(`${value}s`, 'constants', columns * 4);
  context.tiles.emit('load', {
    ...contiguous(regionAddress(context, filledKey(value)), local, columns * 4),
    unless: NONE,
  });
  return local;
}

function rotaryOperands(context: Context, node: NodeOf<'rotaryEmbedding'>, piece: Piece): Fields {
  const rowBytes = node.attrs.frequencies.length * 2 * 4;
  const table = context.rotary.get(rotaryKey(node)) ?? loadRotary(context, node, rowBytes);
  return {
    b: shift(table, piece.firstToken * rowBytes),
    bStride: rowBytes,
    interleaved: Number(node.attrs.layout === 'interleaved'),
  };
}

/** Loads the angles of this step's positions, one row a token, once a step. */
function loadRotary(context: Context, node: NodeOf<'rotaryEmbedding'>, rowBytes: number): Ref {
  const { B, T } = context.dims;
  const table = context.tiles.allocate('rotary', 'constants', B * T * rowBytes);
  const memory = regionAddress(context, rotaryKey(node));
  for (let sequence = 0; sequence < B; sequence++) {
    const local = shift(table, sequence * T * rowBytes);
    const transfer = contiguous(memory, local, T * rowBytes);
    context.tiles.emit('load', { ...transfer, positionStride: rowBytes, sequence, unless: NONE });
  }
  context.rotary.set(rotaryKey(node), table);
  return table;
}
