/**
 * The schedule: kernels → tile instructions in program order, one lowering for each kind of anchor.
 */
import { UnsupportedError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import type { Kernel, Schedule } from '../../../compile/index.ts';
import {
  lastDim,
  topologicalOrder,
  type Dims,
  type Graph,
  type Node,
  type Op,
} from '../../../ir/index.ts';
import type { MemoryLayout } from '../layout.ts';
import { attendsChosen, Attention, lowerAttention } from './attention.ts';
import { lowerCompress } from './compress.ts';
import type { Context } from './context.ts';
import { lowerEmbedding } from './embedding.ts';
import { emitEpilogue } from './epilogue.ts';
import { lowerExperts, lowerRoute, lowerRouteByToken } from './experts.ts';
import { lowerTopBlocks, lowerTopRows } from './indexer.ts';
import { lowerHeadLinear, lowerLinear } from './linear.ts';
import { destinationOf, floatOf, headsOf, headStrideOf } from './placement.ts';
import { lowerConvolution, lowerDelta } from './recurrence.ts';
import { lowerLayerNormalization } from './layerNormalization.ts';
import { loadHidden, storeHidden } from './hidden.ts';
import { regionsOf } from './regions.ts';
import { storeState } from './stateRows.ts';
import { lowerDot, lowerHyperConnection, lowerMixHeads, lowerNGramGate } from './streams.ts';
import { lowerWindowAttention } from './window.ts';
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
  topRows: lowerTopRows,
  topBlocks: lowerTopBlocks,
  compress: lowerCompress,
  windowAttention: lowerWindowAttention,
  route: lowerRoute,
  routeByToken: lowerRouteByToken,
  hyperConnection: lowerHyperConnection,
  mixHeads: lowerMixHeads,
  dot: lowerDot,
  nGramGate: lowerNGramGate,
  ngramRows: () => {}, // the host's work
  blockRows: () => {}, // what attends makes its lists (chosenRows.ts)
  experts: lowerExperts,
  rmsNormalization: lowerRows,
  add: lowerRows,
  mul: lowerRows,
  silu: lowerRows,
  sigmoid: lowerRows,
  softplus: lowerRows,
  l2Normalization: lowerRows,
  layerNormalization: lowerLayerNormalization,
  causalConvolution: lowerConvolution,
  gatedDelta: lowerDelta,
  signedRoot: lowerRows,
  swiglu: lowerRows,
  rotaryEmbedding: lowerRows,
  quantize: lowerRows,
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
    wholes: new Map(),
    users: usersOf(graph),
    done: new Set(),
    rotary: new Map(),
  };
  loadHidden(context);
  kernels.forEach((kernel, i) => {
    [...kernel.anchors, ...kernel.chain].forEach((node) => context.done.add(node));
    const next = kernels[i + 1];
    if (joinsQuery(kernel, kernels[i - 1], dims)) return;
    if (next !== undefined && joinsQuery(next, kernel, dims))
      lowerWithAttention(context, kernel, next);
    else lowerKernel(context, kernel);
  });
  storeHidden(context);
  const buffers = tiles.buffers.filter((buffer) => buffer.last >= 0);
  return {
    graph,
    dims,
    layout,
    buffers,
    regions: regionsOf(chip, buffers),
    instructions: tiles.instructions,
  };
}

/**
 * Whether an attention is lowered with the linear before it, which makes its query: its heads then go on
 * one by one. In a prompt the vector unit is behind with the query, and products would wait for it.
 */
export function joinsQuery(
  { anchors: [attention] }: Kernel,
  before: Kernel | undefined,
  dims: Dims,
): boolean {
  return (
    dims.T === 1 &&
    attention!.op === 'attention' &&
    !attendsChosen(attention!, { dims }) &&
    attention!.inputs[0] === before?.result &&
    before!.anchors[0]!.op === 'linear'
  );
}

/** The softmax of a head runs while the matrix unit makes the query of the next ones. */
function lowerWithAttention(context: Context, kernel: Kernel, next: Kernel): void {
  context.tiles.label = kernel.name;
  destinationOf(context, kernel.result);
  const attention = new Attention(context, next);
  const width = lastDim(kernel.result.type);
  lowerLinear(context, kernel, (channels) => attention.advance(Math.floor(channels / width)));
  attention.finish();
}

function lowerKernel(context: Context, kernel: Kernel): void {
  const [anchor] = kernel.anchors as [Node];
  context.tiles.label = kernel.name;
  const appended = kernel.result.op === 'append' && anchor !== kernel.result;
  const computed = appended ? withoutAppend(kernel) : kernel;
  const lower = LOWERINGS[anchor.op];
  if (lower === undefined) {
    throw new UnsupportedError(`${anchor.op} on its own must follow a linear on Jade`, {
      where: anchor.label,
    });
  }
  lower(context, computed);
  if (appended) storeState(context, kernel.result);
}

function withoutAppend(kernel: Kernel): Kernel {
  return { ...kernel, chain: kernel.chain.slice(0, -1), result: kernel.result.inputs[1]! };
}

/** A row-wise operator on a complete value, with what follows it. */
function lowerRows(context: Context, kernel: Kernel): void {
  const [anchor] = kernel.anchors as [Node];
  const source = floatOf(context, anchor.inputs[0]!);
  const { at, stride, rows } = source;
  const columns = lastDim(anchor.inputs[0]!.type);
  const innerStride = headStrideOf(source, columns);
  const inner = headsOf(anchor);
  const place = { firstToken: 0, firstHead: 0, firstChannel: 0 };
  const piece = { at, stride, innerStride, tokens: rows, inner, columns, ...place };
  emitEpilogue(context, [anchor, ...kernel.chain], piece, kernel.result, { keepSource: true });
}

function usersOf(graph: Graph): Map<Node, Node[]> {
  const users = new Map<Node, Node[]>();
  for (const node of topologicalOrder(graph)) {
    for (const input of new Set(node.inputs)) users.set(input, [...(users.get(input) ?? []), node]);
  }
  return users;
}
