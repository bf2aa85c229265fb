/**
 * Kernels: the operators of a graph in groups as serving systems launch them, equal ones once with their
 * number.
 *
 * Products that read the same rows are one product (QKV, gate and up); layout and arithmetic on elements
 * belong to a neighbour; the norms, rotations, gates, cache writes of a module are one launch each.
 */
import {
  isMx,
  topologicalOrder,
  type Graph,
  type Node,
  type Op,
  type Rules,
  type Shape,
} from '../ir/index.ts';
import { expertChoice, weightBehind } from './operations.ts';
import { partitionOf, type Split } from './partition.ts';

/** What a kernel does: matrix products, attention, products of routed experts, or rows of numbers. */
export type KernelKind = 'product' | 'attention' | 'experts' | 'rows';

export interface Kernel {
  readonly kind: KernelKind;
  readonly op: Op;
  /** Where the first of them is. */
  readonly label: string;
  readonly nodes: readonly Node[];
  /** The division of each of the nodes. */
  readonly splits: readonly Split[];
  /** How many such kernels a step has. */
  readonly count: number;
  /** Launches of one of them. */
  readonly launches: number;
  /** Its weights stay in a wide format: the head and absorbed projections. */
  readonly wide: boolean;
}

/** A sum over ranks, or an exchange of the tokens of experts, `count` times a step. */
export interface Meeting {
  readonly kind: 'sum' | 'experts';
  /** Channels of a row. */
  readonly width: number;
  /** Experts that a token is sent to; 0 for a sum. */
  readonly topK: number;
  /** Groups of experts that the choice of a token is limited to; Infinity without a limit. */
  readonly topGroups: number;
  /** One row a sequence and not one a token. */
  readonly last: boolean;
  readonly count: number;
}

export interface KernelGraph {
  readonly graph: Graph;
  readonly kernels: readonly Kernel[];
  readonly meetings: readonly Meeting[];
  /** Channels between layers. */
  readonly width: number;
  readonly layers: number;
}

type Part = KernelKind | 'none';

/** Which kernel an op is; none: it belongs to a neighbour. */
const PARTS: Rules<Part> = {
  input: 'none',
  weight: 'none',
  state: 'none',
  splitHeads: 'none',
  mergeHeads: 'none',
  repeatHeads: 'none',
  slice: 'none',
  concat: 'none',
  transpose: 'none',
  lastToken: 'none',
  embedding: 'rows',
  append: 'rows',
  add: 'none',
  mul: 'none',
  sigmoid: 'none',
  softplus: 'none',
  silu: 'none',
  swiglu: 'rows',
  rmsNormalization: 'rows',
  layerNormalization: 'rows',
  l2Normalization: 'none',
  rotaryEmbedding: 'rows',
  signedRoot: 'none',
  dot: 'none',
  argMax: 'rows',
  quantize: 'none',
  fakeQuantize: 'none',
  linear: 'product',
  headLinear: 'product',
  attention: 'attention',
  topRows: 'attention',
  topBlocks: 'attention',
  nGramGate: 'rows',
  route: 'rows',
  routeByToken: 'rows',
  experts: 'experts',
  hyperConnection: 'rows',
  mixHeads: 'rows',
  compress: 'rows',
  windowAttention: 'attention',
  blockRows: 'none',
  causalConvolution: 'rows',
  ngramRows: 'rows',
  gatedDelta: 'attention',
};

/** Experts: sorting tokens, two products with their gate, and the weighted sum. Attention: parts of the context, and their sum. */
const LAUNCHES: Partial<Record<KernelKind, number>> = { experts: 5, attention: 2 };

/** The kernels and meetings of a graph. */
export function kernelsOf(graph: Graph): KernelGraph {
  const { splits, partial } = partitionOf(graph);
  const order = topologicalOrder(graph);
  const results = new Set(graph.outputs.values());
  const groups = new Map<string, Node[]>();
  const names = new Map<Node, number>(order.map((node, i) => [node, i]));
  for (const node of order) {
    if (PARTS[node.op] === 'none') continue;
    const key = groupKey(node, names);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [node]);
    else known.push(node);
  }
  const kernels = [...groups.values()].map((nodes) => {
    const [first] = nodes as [Node];
    return {
      kind: PARTS[first.op] as KernelKind,
      op: first.op,
      label: first.label,
      nodes,
      splits: nodes.map((node) => splits.get(node)!),
      count: 1,
      launches: LAUNCHES[PARTS[first.op] as KernelKind] ?? 1,
      wide: first.op === 'headLinear' || results.has(first),
    };
  });
  return {
    graph,
    kernels: counted(kernels, signatureOfKernel),
    meetings: counted(
      [...partial].map((node) => meetingAt(node)),
      (meeting) => JSON.stringify(meeting),
    ),
    width: residualWidth(order),
    layers: new Set(order.flatMap(({ label }) => /layers\.(\d+)\./.exec(label)?.[1] ?? [])).size,
  };
}

/** Nodes of one key are one kernel. */
function groupKey(node: Node, names: ReadonlyMap<Node, number>): string {
  const [rows] = node.inputs;
  if (node.op === 'linear') return `linear ${names.get(rows!)!} ${node.label === 'lm_head'}`;
  if (PARTS[node.op] === 'rows') return `${node.op} ${moduleOf(node.label)} ${node.type.shape[1]}`;
  return `${names.get(node)!}`;
}

/** `layers.3.self_attn` of `layers.3.self_attn.q_norm`. */
function moduleOf(label: string): string {
  return label.split('.').slice(0, 3).join('.');
}

function counted<T extends { readonly count: number }>(
  all: readonly T[],
  key: (each: T) => string,
): T[] {
  const groups = Map.groupBy(all, key);
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    count: group.reduce((sum, { count }) => sum + count, 0),
  }));
}

/** Equal for kernels that cost the same in every step. */
function signatureOfKernel({ nodes, splits, wide }: Kernel): string {
  const parts = nodes.map((node) => {
    const shapes = [node, ...node.inputs].map(({ type, op }) => [type.shape, op === 'append']);
    const { name: _, frequencies: __, ...attrs } = node.attrs as Record<string, unknown>;
    const choice = node.op === 'experts' ? expertChoice(node) : 0;
    const weights = node.inputs.map((input) => weightBehind(input) !== undefined);
    const shared = node.op === 'attention' && node.inputs[1] === node.inputs[2];
    return [node.op, shapes, attrs, choice, weights, shared];
  });
  return JSON.stringify([parts, splits, wide]);
}

function meetingAt(node: Node): Meeting {
  const experts = expertsBehind(node);
  const router = experts?.inputs[1];
  return {
    kind: experts === undefined ? 'sum' : 'experts',
    width: node.type.shape.at(-1) as number,
    topK: experts === undefined ? 0 : expertChoice(experts).topK,
    topGroups: router?.op === 'route' && router.attrs.groups > 1 ? router.attrs.topGroups : 1e9,
    last: node.type.shape[1] === 1,
    count: 1,
  };
}

function expertsBehind(node: Node): (Node & { readonly op: 'experts' }) | undefined {
  if (node.op === 'experts') return node;
  if (node.op !== 'add' && node.op !== 'mul') return undefined;
  return node.inputs.map(expertsBehind).find((found) => found !== undefined);
}

/** The widest row that a norm of a whole row reads. */
function residualWidth(order: readonly Node[]): number {
  const widths = order
    .filter(({ op, type }) => op === 'embedding' && type.shape.length === 3 && !isMx(type.dtype))
    .map(({ type }) => type.shape.at(-1) as number);
  return Math.max(...widths);
}

/** Bytes of an element of rows between kernels. */
export const ROW_BYTES = 2;

/** Elements of rows that a kernel reads and writes, states and weights apart. */
export function rowElements(nodes: readonly Node[], dims: { B: number; T: number }): number {
  const known = new Set<Node>();
  let elements = 0;
  for (const node of nodes) {
    const own = node.op === 'append' ? [] : [node];
    for (const each of [...own, ...node.inputs]) {
      if (known.has(each) || each.op === 'state' || each.op === 'append') continue;
      known.add(each);
      elements += weightBehind(each) === undefined ? elementsOf(each.type.shape, dims) : 0;
    }
  }
  return elements;
}

function elementsOf(shape: Shape, dims: { B: number; T: number }): number {
  if (shape.includes('S')) return 0;
  return shape.reduce<number>(
    (product, dim) =>
      product * (typeof dim === 'number' ? dim : dim === 'B' ? dims.B : dim === 'T' ? dims.T : 1),
    1,
  );
}
