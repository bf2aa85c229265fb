/**
 * The schedule: kernels → tile instructions in program order, one lowering for each kind of anchor.
 *
 * The scratchpad is split in three: `stream` (a ring for weights and constants, which transfers fill
 * ahead of use), `context` (a ring for transfers that depend on this step's results: state and chosen
 * experts) and `tensors` (activations).
 */
import { ChipError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { type Kernel, type Region, type Schedule } from '../../../compile/index.ts';
import { topologicalOrder, type Dims, type Graph, type Node, type Op } from '../../../ir/index.ts';
import { type MemoryLayout } from '../layout.ts';
import { lowerAttention, storeState } from './attention.ts';
import { type Context } from './context.ts';
import { lowerEmbedding } from './embedding.ts';
import { emitEpilogue } from './epilogue.ts';
import { lowerExperts, lowerRoute } from './experts.ts';
import { lowerHeadLinear, lowerLinear } from './linear.ts';
import { floatOf } from './placement.ts';
import { TileProgram, type TileInstruction } from './tiles.ts';

export interface JadeSchedule extends Schedule {
  readonly layout: MemoryLayout;
  readonly instructions: readonly TileInstruction[];
}

type Lowering = (context: Context, kernel: Kernel) => void;

/** One lowering an anchor; an operator without one is not an anchor on Jade (see supports.ts). */
export const LOWERINGS: Partial<Record<Op, Lowering>> = {
  embedding: lowerEmbedding,
  linear: lowerLinear,
  headLinear: lowerHeadLinear,
  attention: lowerAttention,
  route: lowerRoute,
  experts: lowerExperts,
  rmsNormalization: lowerRows,
  add: lowerRows,
  mul: lowerRows,
  silu: lowerRows,
  append: (context, kernel) => storeState(context, kernel.result),
};

export function scheduleKernels(
  kernels: readonly Kernel[],
  graph: Graph,
  dims: Dims,
  chip: Chip,
  layout: MemoryLayout,
): JadeSchedule {
  const tiles = new TileProgram();
  const context: Context = {
    chip,
    graph,
    dims,
    rows: dims.B * dims.T,
    layout,
    tiles,
    values: new Map(),
    users: usersOf(graph),
    done: new Set(),
    rotary: new Map(),
  };
  for (const kernel of kernels) {
    [...kernel.anchors, ...kernel.chain].forEach((node) => context.done.add(node));
    lowerKernel(context, kernel);
  }
  const buffers = tiles.buffers.filter((buffer) => buffer.last >= 0);
  return { graph, dims, layout, buffers, regions: regionsOf(chip), instructions: tiles.instructions };
}

function lowerKernel(context: Context, kernel: Kernel): void {
  const [anchor] = kernel.anchors as [Node];
  context.tiles.label = kernel.name;
  const appended = kernel.result.op === 'append' && anchor !== kernel.result;
  const computed = appended ? withoutAppend(kernel) : kernel;
  LOWERINGS[anchor.op]!(context, computed);
  if (appended) storeState(context, kernel.result);
}

function withoutAppend(kernel: Kernel): Kernel {
  return { ...kernel, chain: kernel.chain.slice(0, -1), result: kernel.result.inputs[1]! };
}

/** A row-wise operator on a complete value, with what follows it. */
function lowerRows(context: Context, kernel: Kernel): void {
  const [anchor] = kernel.anchors as [Node];
  const { at, stride, rows } = floatOf(context, anchor.inputs[0]!);
  const columns = anchor.type.shape.slice(2).reduce<number>((product, dim) => product * (dim as number), 1);
  const place = { firstToken: 0, firstHead: 0, firstChannel: 0 };
  const piece = { at, stride, innerStride: 0, tokens: rows, inner: 1, columns, ...place };
  emitEpilogue(context, [anchor, ...kernel.chain], piece, kernel.result, { keepSource: true });
}

function usersOf(graph: Graph): Map<Node, Node[]> {
  const users = new Map<Node, Node[]>();
  for (const node of topologicalOrder(graph)) {
    for (const input of new Set(node.inputs)) users.set(input, [...(users.get(input) ?? []), node]);
  }
  return users;
}

/** Half of the scratchpad's banks stream weights, a quarter hold context, a quarter activations. */
export function regionsOf(chip: Chip): Region[] {
  const { sizeBytes, banks } = chip.scratchpad;
  const bankBytes = sizeBytes / banks;
  if (banks < 4 || !Number.isInteger(bankBytes / 64)) {
    throw new ChipError('the scratchpad must have at least 4 banks of a multiple of 64 bytes each', {
      where: `${chip.name}: scratchpad {sizeBytes: ${sizeBytes}, banks: ${banks}}`,
    });
  }
  const quarter = Math.floor(banks / 4) * bankBytes;
  const stream = sizeBytes - 3 * quarter;
  const accumulatorBank = chip.accumulator.sizeBytes / chip.accumulator.banks;
  return [
    { name: 'stream', start: 0, sizeBytes: stream, bankBytes, policy: 'ring' },
    { name: 'context', start: stream, sizeBytes: quarter, bankBytes, policy: 'ring' },
    { name: 'tensors', start: stream + quarter, sizeBytes: 2 * quarter, bankBytes, policy: 'rotate' },
    {
      name: 'accumulator',
      start: sizeBytes,
      sizeBytes: chip.accumulator.sizeBytes,
      bankBytes: accumulatorBank,
      policy: 'rotate',
    },
  ];
}
