/**
 * Multi-head latent attention: from the naive form, which caches keys and values of every head, to the
 * absorbed form, which caches the latent they are made of [DeepSeek-V2, section 2.1.2]:
 *
 *   q·(W_UK c) = (W_UKᵀ q)·c          Σ p (W_UV c) = W_UV (Σ p c)
 *
 * so the up-projections move to the query and to the result, and the state shrinks from
 * H·(K + V) to one row of (rank + rope) channels a token.
 */
import {
  lastDim,
  makeNode,
  rewrite,
  tensor,
  type Graph,
  type Node,
  type NodeOf,
} from '../../ir/index.ts';
import type { Pass } from '../target.ts';

export const absorbLatentAttention: Pass = { name: 'absorbLatentAttention', run: absorb };

interface LatentParts {
  readonly queryNope: Node;
  readonly queryRope: Node;
  readonly latent: Node;
  readonly keyRope: Node;
  readonly keyWeight: Node;
  readonly valueWeight: Node;
  readonly position: Node;
  readonly stateName: string;
}

function absorb(graph: Graph): Graph {
  const states = new Map(graph.states);
  const result = rewrite(graph, (node) => {
    if (node.op !== 'attention') return undefined;
    const parts = matchNaive(node);
    if (parts === undefined) return undefined;
    const keys = latentState(parts, node);
    for (const [name, value] of states) if (replaced(value, node)) states.delete(name);
    states.set(parts.stateName, keys);
    return absorbed(parts, keys, node);
  });
  const kept = [...states].map(([name, node]) => [name, result.states.get(name) ?? node] as const);
  return { ...result, states: new Map(kept) };
}

/** Whether a state of the naive form belongs to `attention` (by name: rewriting made new nodes). */
function replaced(state: Node, attention: NodeOf<'attention'>): boolean {
  const names = [attention.inputs[1]!, attention.inputs[2]!].map(stateNameOf);
  return names.includes(stateNameOf(state));
}

function stateNameOf(append: Node): string {
  const [state] = append.inputs;
  return state?.op === 'state' ? state.attrs.name : '';
}

/** keys = append(concat(headLinear(c, W_UK), repeatHeads(k_rope))), values = append(headLinear(c, W_UV)). */
function matchNaive(node: NodeOf<'attention'>): LatentParts | undefined {
  const [query, keys, values, position] = node.inputs as [Node, Node, Node, Node];
  const [key, value] = [keys.inputs[1], values.inputs[1]];
  if (query.op !== 'concat' || key?.op !== 'concat' || value?.op !== 'headLinear') return undefined;
  const [up, repeated] = key.inputs as [Node, Node];
  if (up.op !== 'headLinear' || repeated.op !== 'repeatHeads') return undefined;
  if (up.inputs[0] !== value.inputs[0]) return undefined;
  return {
    queryNope: query.inputs[0]!,
    queryRope: query.inputs[1]!,
    latent: up.inputs[0]!,
    keyRope: repeated.inputs[0]!,
    keyWeight: up.inputs[1]!,
    valueWeight: value.inputs[1]!,
    position,
    stateName: `${stateNameOf(keys).replace(/\.k$/, '')}.latent`,
  };
}

function latentState(parts: LatentParts, node: Node): Node {
  const row = makeNode('concat', [parts.latent, parts.keyRope], {}, node.label);
  const type = tensor('f32', ['B', 'S', 1, lastDim(row.type)]);
  const state = makeNode('state', [], { name: parts.stateName, type }, node.label);
  return makeNode('append', [state, row, parts.position], {}, node.label);
}

function absorbed(parts: LatentParts, keys: Node, node: NodeOf<'attention'>): Node {
  const keyWeight = makeNode('transpose', [parts.keyWeight], {}, node.label);
  const queryLatent = makeNode('headLinear', [parts.queryNope, keyWeight], {}, node.label);
  const query = makeNode('concat', [queryLatent, parts.queryRope], {}, node.label);
  const attrs = { scale: node.attrs.scale, valueWidth: lastDim(parts.latent.type) };
  const inputs = [query, keys, keys, parts.position, ...node.inputs.slice(4)];
  const latent = makeNode('attention', inputs, attrs, node.label);
  return makeNode('headLinear', [latent, parts.valueWeight], {}, node.label);
}
