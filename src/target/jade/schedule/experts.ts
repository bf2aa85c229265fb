/**
 * A mixture of experts: the router's gates become, on the chip, a list of tokens for each expert; every
 * expert then runs on its list. An expert that no token chose costs a cycle an instruction: its weights
 * are not loaded. The order of experts, and with it of every sum, does not depend on the batch.
 */
import type { Kernel } from '../../../compile/index.ts';
import {
  lastDim,
  MX_BLOCK,
  type MxFormat,
  type Node,
  type NodeOf,
  type RouteAttrs,
} from '../../../ir/index.ts';
import { FORMAT_CODES, NONE, SCORINGS } from '../isa.table.ts';
import { weightKey } from '../layout.ts';
import { mxRowBytes, type TiledWeight } from '../memoryRegions.ts';
import type { Context } from './context.ts';
import { loadChoices } from './embedding.ts';
import { loadConstant } from './epilogue.ts';
import { emitProduct, type ActivationRows } from './matmul.ts';
import {
  channelsFrom,
  destinationOf,
  floatOf,
  mxOf,
  type FloatPlacement,
  type MxPlacement,
} from './placement.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

export function lowerRoute(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'route'>;
  const bias = node.inputs[1] === undefined ? NONE : loadConstant(context, node.inputs[1]);
  emitRoute(context, node, node.attrs, bias, 0);
}

/** Of all experts only those of the token have a bias that lets them be chosen. */
export function lowerRouteByToken(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'routeByToken'>;
  const table = node.inputs[2] as NodeOf<'weight'>;
  const experts = lastDim(node.type);
  const bias = loadChoices(context, table, experts);
  const topK = lastDim(table.type);
  emitRoute(context, node, { ...node.attrs, topK, groups: 1, topGroups: 1 }, bias, experts * 4);
}

function emitRoute(
  context: Context,
  node: Node,
  { scoring, topK, groups, topGroups, normalize, scale, groupByBest }: RouteAttrs,
  b: Operand,
  bStride: number,
): void {
  const logits = floatOf(context, node.inputs[0]!);
  const gates = destinationOf(context, node) as FloatPlacement;
  context.tiles.emit('route', {
    a: logits.at,
    aStride: logits.stride,
    b,
    bStride,
    rows: context.rows,
    columns: lastDim(node.type),
    d: gates.at,
    dStride: gates.stride,
    topK,
    groups,
    topGroups,
    scoring: SCORINGS.indexOf(scoring),
    normalize: Number(normalize),
    groupByBest: Number(groupByBest === true),
    scale: Math.fround(scale),
  });
}

/** What is the same for all experts of a layer. */
interface Layer {
  readonly x: MxPlacement;
  readonly gates: FloatPlacement;
  readonly weights: readonly [TiledWeight, TiledWeight, TiledWeight];
  readonly counts: Ref;
  readonly lists: Ref;
  readonly sums: FloatPlacement;
  /** Of gate and up; 0 for none. */
  readonly limit: number;
}

export function lowerExperts(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'experts'>;
  const [x, gateNode, ...weightNodes] = node.inputs as [Node, Node, ...Node[]];
  const gates = floatOf(context, gateNode);
  const experts = lastDim(gateNode.type);
  const tiled = weightNodes.map((weight) => context.layout.weights.get(weightKey(weight))!);
  const layer: Layer = {
    x: mxOf(context, x),
    gates,
    weights: tiled as unknown as Layer['weights'],
    counts: context.tiles.allocate('counts', 'control', experts * 4),
    lists: context.tiles.allocate('lists', 'control', experts * context.rows * 4),
    sums: destinationOf(context, node) as FloatPlacement,
    limit: Math.fround(node.attrs.limit ?? 0),
  };
  startLayer(context, layer, experts);
  // One expert ahead: the matrix unit takes the next expert while the vector unit finishes this one.
  let hidden = gatedProduct(context, layer, 0);
  for (let expert = 0; expert < experts; expert++) {
    const next = expert + 1 < experts ? gatedProduct(context, layer, expert + 1) : hidden;
    downProduct(context, layer, expert, hidden);
    hidden = next;
  }
}

function startLayer(
  context: Context,
  { gates, counts, lists, sums, weights }: Layer,
  experts: number,
): void {
  const { rows } = context;
  const columns = weights[2].rows;
  context.tiles.emit('dispatch', {
    a: gates.at,
    aStride: gates.stride,
    rows,
    columns: experts,
    d: counts,
    list: lists,
    listStride: rows * 4,
  });
  context.tiles.emit('zero', { d: sums.at, dStride: sums.stride, rows, columns });
}

/** In the control memory: how many rows an expert has, and which. */
function rowsOfExpert(
  context: Context,
  { counts, lists }: Layer,
  expert: number,
): { count: Ref; list: Ref } {
  return { count: shift(counts, expert * 4), list: shift(lists, expert * context.rows * 4) };
}

/** Adds the expert's result, times its gate, to the sums of its tokens. */
function downProduct(context: Context, layer: Layer, expert: number, hidden: MxPlacement): void {
  const { count, list } = rowsOfExpert(context, layer, expert);
  const down = layer.weights[2];
  const rows: ActivationRows = { source: hidden, tokens: context.rows, inner: 1, rowCount: count };
  for (let n = 0; n < down.rows; n += down.tileRows) {
    const columns = Math.min(down.tileRows, down.rows - n);
    const at = context.tiles.allocate('sums', 'accumulator', context.rows * columns * 4);
    emitProduct(context, rows, down, expert, [n, columns], { at, stride: columns * 4 }, count);
    context.tiles.emit('combine', {
      a: at,
      aStride: columns * 4,
      rows: context.rows,
      columns,
      d: shift(layer.sums.at, n * 4),
      dStride: layer.sums.stride,
      gate: shift(layer.gates.at, expert * 4),
      gateStride: layer.gates.stride,
      list,
      rowCount: count,
    });
  }
}

/** swiglu of the expert's gate and up products on its rows, quantised: [row][F]. */
function gatedProduct(context: Context, layer: Layer, expert: number): MxPlacement {
  const { x } = layer;
  const { count, list } = rowsOfExpert(context, layer, expert);
  const [gate, up] = layer.weights;
  const hidden = allocateHidden(context, gate.rows, x.format);
  const rows: ActivationRows = {
    source: x,
    tokens: context.rows,
    inner: 1,
    rowCount: count,
    rowList: list,
  };
  const chunk = Math.max(gate.tileRows, MX_BLOCK);
  for (let n = 0; n < gate.rows; n += chunk) {
    const columns = Math.min(chunk, gate.rows - n);
    const [a, b] = [gate, up].map((weight) => {
      const at = context.tiles.allocate('sums', 'accumulator', context.rows * columns * 4);
      emitProduct(context, rows, weight, expert, [n, columns], { at, stride: columns * 4 }, count);
      return at;
    }) as [Ref, Ref];
    const into = channelsFrom(hidden, n);
    context.tiles.emit('swiglu', {
      a,
      aStride: columns * 4,
      aInner: 0,
      b,
      bStride: columns * 4,
      bInner: 0,
      rows: context.rows,
      inner: 1,
      columns,
      d: into.at,
      dStride: into.stride,
      dInner: 0,
      dFormat: FORMAT_CODES[x.format],
      group: 32,
      rowCount: count,
      limit: layer.limit,
    });
  }
  return hidden;
}

function allocateHidden(context: Context, width: number, format: MxFormat): MxPlacement {
  const stride = mxRowBytes(width, format);
  const { rows } = context;
  const at = context.tiles.allocate('hidden', 'operands', rows * stride);
  return { kind: 'mx', format, at, stride, heads: 1, headStride: 0, width, rows };
}
