/** Rewriting: a rule sees every node once, inputs first, and may give another in its place. */
import { attributesToString } from './attributes.ts';
import { makeNode, topologicalOrder, type Graph, type Node } from './graph.ts';
import { typeToString } from './types.ts';

/**
 * Gives the node to use in place of `node`, or undefined to keep it. The inputs of `node` are already
 * rewritten; its type is still the one it had before, so a rule may change the types of inputs as
 * long as it also replaces the nodes that would not accept them.
 */
export type RewriteRule = (node: Node) => Node | undefined;

/**
 * Rewrites a graph bottom-up. Replacements are not visited again. Nodes that are kept are typed anew:
 * throws ShapeError where one does not accept its new inputs. Weights stay as they are.
 */
export function rewrite(graph: Graph, rule: RewriteRule): Graph {
  const rewritten = new Map<Node, Node>();
  for (const node of topologicalOrder(graph)) {
    const inputs = node.inputs.map((input) => rewritten.get(input)!);
    const moved = inputs.some((input, i) => input !== node.inputs[i]);
    const candidate = moved ? ({ ...node, inputs } as Node) : node;
    const kept = (): Node => (moved ? makeNode(node.op, inputs, node.attrs, node.label) : node);
    rewritten.set(node, rule(candidate) ?? kept());
  }
  const replace = (nodes: ReadonlyMap<string, Node>): Map<string, Node> =>
    new Map([...nodes].map(([name, node]) => [name, rewritten.get(node)!]));
  return { ...graph, outputs: replace(graph.outputs), states: replace(graph.states) };
}

/** Merges nodes of the same op, inputs, attributes and type into the first of them. */
export function deduplicate(graph: Graph): Graph {
  const ids = new Map<Node, number>();
  const first = new Map<string, Node>();
  return rewrite(graph, (node) => {
    const inputs = node.inputs.map((input) => ids.get(input)).join();
    const type = typeToString(node.type);
    const key = `${node.op}(${inputs})${attributesToString(node.op, node.attrs)}${type}`;
    const found = first.get(key);
    if (found !== undefined) return found;
    first.set(key, node);
    ids.set(node, ids.size);
    return node;
  });
}
