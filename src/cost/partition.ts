/**
 * How the work of a node is divided among the ranks of a tensor-parallel group, read from the graph:
 * Megatron's scheme [1]. What leads to the heads of attention is divided by heads, what leads to a
 * gated product by columns, what comes from either by rows; the rest every rank does whole.
 *
 * A product divided by rows leaves partial sums: an all-reduce follows where they meet what is whole.
 *
 * [1] Shoeybi et al.: Megatron-LM, https://arxiv.org/abs/1909.08053, section 3
 */
import { countUses, topologicalOrder, type Graph, type Node, type Op } from '../ir/index.ts';

export type Split =
  | { readonly by: 'whole' }
  /** At most as many ranks as heads; keys and values may have fewer. */
  | { readonly by: 'heads'; readonly heads: number; readonly stateHeads: number }
  | { readonly by: 'columns' }
  | { readonly by: 'experts' };

const WHOLE: Split = { by: 'whole' };
const COLUMNS: Split = { by: 'columns' };
const EXPERTS: Split = { by: 'experts' };

/** Ops through which rows keep their channels apart. */
const PASSED: ReadonlySet<Op> = new Set<Op>([
  ...(['splitHeads', 'mergeHeads', 'repeatHeads', 'slice', 'concat', 'transpose'] as const),
  ...(['rotaryEmbedding', 'silu', 'sigmoid', 'softplus', 'l2Normalization'] as const),
  ...(['mul', 'add', 'quantize', 'fakeQuantize', 'causalConvolution', 'append'] as const),
  ...(['rmsNormalization', 'headLinear'] as const),
]);

export interface Partition {
  readonly splits: ReadonlyMap<Node, Split>;
  /** Nodes whose sums over ranks are partial where something whole reads them. */
  readonly partial: ReadonlySet<Node>;
}

/** The division of every node of a graph. */
export function partitionOf(graph: Graph): Partition {
  const order = topologicalOrder(graph);
  const users = usersOf(order);
  const results = new Set(graph.outputs.values());
  const splits = new Map<Node, Split>();
  for (const node of order) {
    const isHead = node.op === 'linear' && results.has(node);
    splits.set(node, isHead ? COLUMNS : splitOf(node, users, splits));
  }
  return { splits, partial: partialSums(order, users, splits, graph) };
}

function usersOf(order: readonly Node[]): Map<Node, Node[]> {
  const users = new Map<Node, Node[]>();
  for (const node of order) {
    for (const input of node.inputs) {
      const known = users.get(input);
      if (known === undefined) users.set(input, [node]);
      else known.push(node);
    }
  }
  return users;
}

type Users = ReadonlyMap<Node, readonly Node[]>;
type Splits = ReadonlyMap<Node, Split>;

function splitOf(node: Node, users: Users, splits: Splits): Split {
  switch (node.op) {
    case 'experts':
      return EXPERTS;
    case 'attention':
      return byHeads(node.inputs[0]!, headsOf(node.inputs[1]!));
    case 'windowAttention':
      return byHeads(node.inputs[1]!, 1);
    case 'gatedDelta':
      return heads(node.type.shape[2] as number);
    case 'headLinear':
      return heads(node.type.shape[2] as number);
    case 'linear': {
      const before = splitBehind(node.inputs[0]!, splits);
      if (before.by !== 'whole') return before;
      return splitAhead(node, users, splits);
    }
    case 'swiglu':
      return headsOf(node) > 1 ? heads(headsOf(node)) : COLUMNS;
    case 'causalConvolution':
      return splitAhead(node, users, splits);
    default:
      return headsOf(node) > 1 ? heads(headsOf(node)) : WHOLE;
  }
}

function heads(count: number, stateHeads = count): Split {
  return { by: 'heads', heads: count, stateHeads };
}

function byHeads(query: Node, stateHeads: number): Split {
  return heads(headsOf(query), stateHeads);
}

/** Of (B,T,H,K) the H; 1 of other shapes. */
function headsOf({ type: { shape } }: Node): number {
  return shape.length === 4 ? (shape[2] as number) : 1;
}

/** What divides the channels that a node reads, found upstream. */
function splitBehind(node: Node, splits: Splits): Split {
  if (['attention', 'windowAttention', 'gatedDelta', 'swiglu'].includes(node.op)) {
    return splits.get(node)!;
  }
  if (node.op === 'headLinear') return splits.get(node)!;
  if (!PASSED.has(node.op) || isRowNorm(node)) return WHOLE;
  const found = node.inputs.map((input) => splitBehind(input, splits));
  return found.find(({ by }) => by !== 'whole') ?? WHOLE;
}

/** A norm over all channels of a row reads them all. */
function isRowNorm({ op, type }: Node): boolean {
  return op === 'rmsNormalization' && type.shape.length < 4;
}

/** What divides the channels that a node writes, found downstream. */
function splitAhead(node: Node, users: Users, splits: Splits): Split {
  const seen = new Set<Node>([node]);
  const queue = [node];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const user of users.get(at) ?? []) {
      const found = splitAt(user, at, splits);
      if (found !== undefined) return found;
      if (seen.has(user) || !PASSED.has(user.op) || isRowNorm(user)) continue;
      seen.add(user);
      queue.push(user);
    }
  }
  return WHOLE;
}

/** What a reader of `from` divides it by; undefined where it divides by nothing. */
function splitAt(user: Node, from: Node, splits: Splits): Split | undefined {
  if (user.op === 'attention' || user.op === 'gatedDelta' || user.op === 'windowAttention') {
    const own = from.type.shape.length === 4 ? headsOf(from) : (from.type.shape.at(-1) as number);
    return own > 1 ? heads(own) : undefined;
  }
  if (user.op === 'swiglu') return headsOf(user) > 1 ? heads(headsOf(user)) : COLUMNS;
  if (user.op !== 'mul') return undefined;
  const others = user.inputs.filter((input) => input !== from);
  const found = others.map((input) => splitBehind(input, splits));
  return found.find(({ by }) => by !== 'whole');
}

function partialSums(
  order: readonly Node[],
  users: Users,
  splits: Splits,
  graph: Graph,
): Set<Node> {
  const sums = new Set<Node>();
  for (const node of order) {
    const [first, second] = node.inputs;
    if (node.op === 'experts') sums.add(node);
    else if (node.op === 'linear' && splitBehind(first!, splits).by !== 'whole') sums.add(node);
    else if (node.op === 'add' && sums.has(first!) && sums.has(second!)) sums.add(node);
    else if (node.op === 'mul' && sums.has(first!)) sums.add(node);
  }
  const uses = countUses(graph);
  return new Set(
    [...sums].filter((node) => {
      const inside = (users.get(node) ?? []).filter((user) => sums.has(user)).length;
      return uses.get(node)! > inside;
    }),
  );
}
