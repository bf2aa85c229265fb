/**
 * Fusion: groups the nodes of a graph into kernels. A kernel is an anchor (an operator that reads
 * its inputs from memory) and the chain of row-wise operators that follow it with no other reader,
 * so their values never leave the chip's registers or accumulators.
 *
 * Two linears of the same input joined by `swiglu` become one kernel with two anchors. Operators that
 * only rename channels (`VIEWS`) outside of a chain are no kernels: they are resolved where a value is
 * placed.
 */
import {
  countUses,
  lastDim,
  MX_BLOCK,
  sameType,
  topologicalOrder,
  type Graph,
  type Node,
  type Op,
} from '../ir/index.ts';

export interface Kernel {
  /** Label of the anchor, for listings and traces. */
  readonly name: string;
  /** The operator that starts the kernel; two for a gated linear. */
  readonly anchors: readonly Node[];
  /** Row-wise operators applied to the anchor's result, in order. */
  readonly chain: readonly Node[];
  /** The value the kernel leaves behind. */
  readonly result: Node;
}

/** Operators that move no data of their own. */
const VIEWS: ReadonlySet<Op> = new Set<Op>([
  'input',
  'weight',
  'state',
  'splitHeads',
  'mergeHeads',
  'repeatHeads',
  'slice',
  'concat',
  'lastToken',
]);

/** Operators that may follow an anchor inside its kernel. */
const CHAINABLE: ReadonlySet<Op> = new Set<Op>([
  'splitHeads',
  'mergeHeads',
  'rmsNormalization',
  'rotaryEmbedding',
  'quantize',
  'silu',
  'sigmoid',
  'softplus',
  'l2Normalization',
  'add',
  'mul',
  'swiglu',
  'append',
  'argMax',
]);

/** Anchors whose results come row by row and can be chained. */
const STREAMING: ReadonlySet<Op> = new Set<Op>([
  'linear',
  'headLinear',
  'attention',
  'rmsNormalization',
  'add',
]);

export function fuseKernels(graph: Graph): Kernel[] {
  return new Fusion(graph).run();
}

class Fusion {
  private readonly order: readonly Node[];
  private readonly index: Map<Node, number>;
  private readonly uses: Map<Node, number>;
  private readonly users = new Map<Node, Node[]>();
  private readonly outputs: ReadonlySet<Node>;
  private readonly taken = new Set<Node>();

  constructor(graph: Graph) {
    this.order = topologicalOrder(graph);
    this.index = new Map(this.order.map((node, i) => [node, i]));
    this.uses = countUses(graph);
    this.outputs = new Set(graph.outputs.values());
    for (const node of this.order) {
      for (const input of new Set(node.inputs))
        this.users.set(input, [...(this.users.get(input) ?? []), node]);
    }
  }

  run(): Kernel[] {
    const kernels: Kernel[] = [];
    for (const node of this.order) {
      if (this.taken.has(node) || VIEWS.has(node.op) || isConstant(node)) continue;
      if (this.joinsPartner(node)) continue;
      kernels.push(this.kernelFrom([node]));
    }
    return kernels.toSorted((a, b) => this.index.get(a.result)! - this.index.get(b.result)!);
  }

  /** Whether `node` is the first of two linears of a swiglu; both are taken with the second. */
  private joinsPartner(node: Node): boolean {
    const user = this.onlyUser(node);
    if (node.op !== 'linear' || user?.op !== 'swiglu') return false;
    const partner = user.inputs.find((input) => input !== node)!;
    return (
      isGatedPair(user) &&
      !this.taken.has(partner) &&
      this.index.get(partner)! > this.index.get(node)!
    );
  }

  private kernelFrom(start: readonly Node[]): Kernel {
    const [anchor] = start as [Node];
    const chain: Node[] = [];
    let current = anchor;
    let anchors: readonly Node[] = start;
    for (let next = this.next(current); next !== undefined; next = this.next(current)) {
      if (next.op === 'swiglu') anchors = next.inputs;
      chain.push(next);
      current = next;
    }
    const nodes = [...anchors, ...chain];
    nodes.forEach((node) => this.taken.add(node));
    return { name: anchor.label, anchors, chain, result: current };
  }

  /** The chain's next node, or undefined when the value is read elsewhere or must be complete first. */
  private next(current: Node): Node | undefined {
    const user = this.onlyUser(current);
    if (user === undefined || this.taken.has(user) || !CHAINABLE.has(user.op)) return undefined;
    if (!STREAMING.has(current.op) && !CHAINABLE.has(current.op)) return undefined;
    if (current.op === 'append') return undefined;
    if (current.op === 'quantize' && user.op !== 'append') return undefined;
    if (user.op === 'swiglu') return isGatedPair(user) ? user : undefined;
    if (user.op === 'append') return user.inputs[1] === current ? user : undefined;
    // A norm needs the whole row: after a residual it would hold back the streaming of channels.
    const isNorm = user.op === 'rmsNormalization' || user.op === 'l2Normalization';
    if (isNorm && ['add', 'mergeHeads'].includes(current.op)) return undefined;
    // What is multiplied by one number a row comes first: the numbers themselves are complete by then.
    if (user.op === 'mul' && !sameType(user.type, current.type)) return undefined;
    // Heads may come one by one, and those of no whole blocks share a block with the next one.
    if (user.op === 'mergeHeads' && lastDim(current.type) % MX_BLOCK > 0) return undefined;
    return user;
  }

  private onlyUser(node: Node): Node | undefined {
    const users = this.users.get(node) ?? [];
    const reads = (this.uses.get(node) ?? 0) - (this.outputs.has(node) ? 1 : 0);
    if (this.outputs.has(node) && users[0]?.op !== 'argMax') return undefined;
    return reads === 1 ? users[0] : undefined;
  }
}

function isGatedPair(node: Node): boolean {
  const [gate, up] = node.inputs as [Node, Node];
  return (
    gate.op === 'linear' && up.op === 'linear' && gate.inputs[0] === up.inputs[0] && gate !== up
  );
}

/** Weights and what is made of them alone, such as a quantised weight, are constants of the program. */
export function isConstant(node: Node): boolean {
  if (node.op === 'weight') return true;
  return node.op === 'quantize' && isConstant(node.inputs[0]!);
}
