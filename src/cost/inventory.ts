/** What a model consists of: parameters, state and operators, from its graph alone. */
import {
  countElements,
  countUses,
  OPS,
  topologicalOrder,
  type Graph,
  type Node,
  type NodeOf,
  type Op,
  type Shape,
} from '../ir/index.ts';
import { expertChoice, weightBehind, workOf } from './operations.ts';

export interface ParameterCount {
  readonly total: number;
  /** Used for one token: of routed experts the chosen share, of a table by token or n-gram its rows, of everything else all. */
  readonly active: number;
  /** The rows of the table of embeddings that are not active; some makers count them as if they were. */
  readonly embeddings: number;
  /** Of these the rows of tables by n-gram, which some makers leave out. */
  readonly ngrams: number;
}

export interface StateSize {
  /** For each token of context. */
  readonly perToken: number;
  /** Independent of the context. */
  readonly perSequence: number;
}

/** All nodes of one op together. */
export interface OperatorRow {
  readonly op: Op;
  readonly nodes: number;
  readonly parameters: number;
  readonly activeParameters: number;
  /** Multiply-accumulates for one token, without those that grow with a long context. */
  readonly macsPerToken: number;
  /** Multiply-accumulates for one token and each token of its context. */
  readonly macsPerTokenOfContext: number;
}

/** Count parameters; a weight used twice (tied embeddings) counts once. */
export function countParameters(graph: Graph): ParameterCount {
  const rows = operatorTable(graph);
  const table = rows.find(({ op }) => op === 'embedding');
  const ngrams = ngramTables(graph);
  const ofNgrams = ngrams.reduce((sum, node) => sum + countElements(shapeOfTable(node)), 0);
  const activeNgrams = ngrams.reduce((sum, node) => sum + rowsOfToken(node) * widthOf(node), 0);
  return {
    total: rows.reduce((sum, { parameters }) => sum + parameters, 0),
    active: rows.reduce((sum, { activeParameters }) => sum + activeParameters, 0),
    embeddings:
      table === undefined
        ? 0
        : table.parameters - ofNgrams - (table.activeParameters - activeNgrams),
    ngrams: ofNgrams,
  };
}

function ngramTables(graph: Graph): NodeOf<'embedding'>[] {
  return topologicalOrder(graph).filter(
    (node): node is NodeOf<'embedding'> =>
      node.op === 'embedding' && node.inputs[0]!.op === 'ngramRows',
  );
}

function shapeOfTable({ inputs }: NodeOf<'embedding'>): readonly number[] {
  return inputs[1]!.type.shape as readonly number[];
}

/** Rows of a table of embeddings that a token reads. */
function rowsOfToken({ inputs }: NodeOf<'embedding'>): number {
  return (inputs[0]!.type.shape[2] as number | undefined) ?? 1;
}

function widthOf(node: NodeOf<'embedding'>): number {
  return shapeOfTable(node)[1]!;
}

/** Bytes of an element of the states that are kept in f32 whatever the rest is in, and the ops that keep them. */
export const RECURRENT_BYTES = 4;
export const RECURRENT: ReadonlySet<Op> = new Set<Op>(['gatedDelta', 'compress', 'ngramRows']);

/** One state of the graph. */
export interface StateRow {
  readonly name: string;
  readonly op: Op;
  /** What it can be split by between chips: heads or channels of their own; 1: every chip needs all of it. */
  readonly parts: number;
  readonly bytesPerToken: number;
  readonly bytesPerSequence: number;
}

/** How states of rows are called that keys of blocks will be means of, beyond the state of those. */
const RAW = '.raw';

/**
 * The states, with `bytesPerElement` for each element of those that are not kept in f32 (bf16 by default).
 * Keys of blocks that are means of keys (a state `NAME.raw` beside them) count as the keys of all tokens:
 * published implementations keep those.
 */
export function stateTable(graph: Graph, bytesPerElement = 2): StateRow[] {
  const isRaw = (name: string): boolean => name.endsWith(RAW);
  return [...graph.states]
    .filter(([name]) => !isRaw(name))
    .map(([name, node]) => {
      const { type } = node.inputs[OPS[node.op].stateOperand!]!;
      const fixed = type.shape.filter((dim) => typeof dim === 'number');
      const each = RECURRENT.has(node.op) ? RECURRENT_BYTES : bytesPerElement;
      const raw = node.op !== 'append' || graph.states.has(name + RAW);
      const tokens = raw ? 1 : (node.attrs.tokensPerRow ?? 1);
      const bytes = (countElements(fixed) * each) / tokens;
      const grows = type.shape.includes('S');
      return {
        name,
        op: node.op,
        parts: partsOf(node.op, type.shape),
        bytesPerToken: grows ? bytes : 0,
        bytesPerSequence: grows ? 0 : bytes,
      };
    });
}

/** The dim of a state that chips may share out, for those that have one. */
const SHARED_DIM: Partial<Record<Op, number>> = {
  append: 2,
  windowAttention: 2,
  gatedDelta: 1,
  causalConvolution: 2,
};

function partsOf(op: Op, shape: Shape): number {
  const dim = SHARED_DIM[op];
  const parts = dim === undefined || (op === 'append' && shape.length < 4) ? 1 : shape[dim];
  return typeof parts === 'number' ? parts : 1;
}

/** State of a sequence on the fullest of `ranks`, which share out as much of each as it has parts. */
export function stateShare(rows: readonly StateRow[], ranks: number): StateSize {
  const shared = rows.map(({ parts, ...row }) => ({
    ...row,
    share: Math.ceil(parts / Math.min(ranks, parts)) / parts,
  }));
  return {
    perToken: shared.reduce((sum, row) => sum + row.bytesPerToken * row.share, 0),
    perSequence: shared.reduce((sum, row) => sum + row.bytesPerSequence * row.share, 0),
  };
}

/** Size of the state, with `bytesPerElement` for each of its elements (bf16 by default). */
export function stateBytes(graph: Graph, bytesPerElement = 2): StateSize {
  const rows = stateTable(graph, bytesPerElement);
  return {
    perToken: rows.reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0),
    perSequence: rows.reduce((sum, { bytesPerSequence }) => sum + bytesPerSequence, 0),
  };
}

/** One row for each op that computes, in the order of their first use. A weight belongs to its first user. */
export function operatorTable(graph: Graph): OperatorRow[] {
  const rows = new Map<Op, OperatorRow>();
  const counted = new Set<string>();
  const uses = countUses(graph);
  for (const node of topologicalOrder(graph)) {
    if (node.op === 'input' || node.op === 'weight' || node.op === 'state') continue;
    const row = rowOf(node, takeParameters(node, counted), uses);
    const known = rows.get(node.op);
    rows.set(node.op, known ? addRows(known, row) : row);
  }
  return [...rows.values()];
}

/** Parameters of the node's weights that no earlier node has; adds their names to `counted`. */
function takeParameters(node: Node, counted: Set<string>): number {
  if (weightBehind(node) !== undefined) return 0; // only another layout or format of a weight
  if (node.op === 'ngramRows') return 0; // classes follow from the tokenizer
  const weights = node.inputs.flatMap((input) => weightBehind(input) ?? []);
  const added = weights.filter(({ attrs }) => !counted.has(attrs.name));
  for (const { attrs } of added) counted.add(attrs.name);
  return added.reduce((sum, { type }) => sum + countElements(type.shape as readonly number[]), 0);
}

/** Tokens beyond every window and every number of chosen rows: from there on work grows evenly. */
const LONG_CONTEXT = 2 ** 20;

function rowOf(node: Node, parameters: number, uses: ReadonlyMap<Node, number>): OperatorRow {
  const macsAt = (S: number): number => workOf(node, { B: 1, T: 1, S }).macs;
  const growth = macsAt(LONG_CONTEXT + 1) - macsAt(LONG_CONTEXT);
  return {
    op: node.op,
    nodes: 1,
    parameters,
    activeParameters: parameters * activeShare(node, uses),
    macsPerToken: macsAt(LONG_CONTEXT) - growth * LONG_CONTEXT,
    macsPerTokenOfContext: growth,
  };
}

function activeShare(node: Node, uses: ReadonlyMap<Node, number>): number {
  if (node.op === 'embedding' || node.op === 'routeByToken') {
    const table = node.inputs[node.op === 'embedding' ? 1 : 2]!;
    const rows = node.op === 'embedding' ? rowsOfToken(node) : 1;
    return uses.get(table) === 1 ? rows / (table.type.shape[0] as number) : 1; // tied: the head uses all
  }
  if (node.op !== 'experts') return 1;
  const { topK, experts } = expertChoice(node);
  return topK / experts;
}

function addRows(a: OperatorRow, b: OperatorRow): OperatorRow {
  return {
    op: a.op,
    nodes: a.nodes + b.nodes,
    parameters: a.parameters + b.parameters,
    activeParameters: a.activeParameters + b.activeParameters,
    macsPerToken: a.macsPerToken + b.macsPerToken,
    macsPerTokenOfContext: a.macsPerTokenOfContext + b.macsPerTokenOfContext,
  };
}
