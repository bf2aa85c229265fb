/**
 * Values of which only the row of the last token is read: where logits of that token alone are wanted, all of the last layer
 * behind its keys and values. They are computed of that token alone.
 */
import { perObject } from '../../base/index.ts';
import { topologicalOrder, type Graph, type Node, type Op } from '../../ir/index.ts';

/** Ops whose row of a token needs, of each input with a row for each token, only that row. */
const ROW_WISE: ReadonlySet<Op> = new Set<Op>([
  ...(['splitHeads', 'mergeHeads', 'repeatHeads', 'slice', 'concat', 'embedding'] as const),
  ...(['add', 'mul', 'sigmoid', 'softplus', 'silu', 'swiglu', 'signedRoot', 'dot'] as const),
  ...(['rmsNormalization', 'layerNormalization', 'l2Normalization'] as const),
  ...(['rotaryEmbedding', 'attention', 'linear', 'headLinear', 'argMax'] as const),
  ...(['route', 'routeByToken', 'experts'] as const),
  ...(['hyperConnection', 'mixHeads', 'nGramGate', 'fakeQuantize'] as const),
]);

/** Whether a value has a row for each token. */
export function isByToken({ type }: Node): boolean {
  return type.shape[1] === 'T';
}

/** The nodes that are computed of the last token alone: `lastToken`, and what nobody but these reads, row by row. */
export const nodesOfLastToken = perObject((graph: Graph): ReadonlySet<Node> => {
  const found = new Set<Node>();
  const readWhole = new Set<Node>([...graph.outputs.values(), ...graph.states.values()]);
  // Whoever reads a node comes before it.
  for (const node of topologicalOrder(graph).toReversed()) {
    const isRead = ROW_WISE.has(node.op) && isByToken(node) && !readWhole.has(node);
    if (node.op === 'lastToken' || isRead) found.add(node);
    else for (const input of node.inputs) readWhole.add(input);
  }
  return found;
});
