/**
 * Graph: tensor-level SSA. A node is an op, its inputs, attributes and type; a graph is its outputs,
 * the states it updates and where its weights come from.
 */
import { perObject, ShapeError } from '../base/index.ts';
import { OPS, type Op, type OpAttrs } from './ops.table.ts';
import type { StoredRows } from './storedRows.ts';
import type { TensorType } from './types.ts';

export type NodeOf<O extends Op> = {
  readonly op: O;
  readonly inputs: readonly Node[];
  readonly attrs: OpAttrs[O];
  readonly type: TensorType;
  /** Where in the model the node comes from, e.g. `layers.0.self_attn.q_proj`; for people only. */
  readonly label: string;
};
export type Node = { [O in Op]: NodeOf<O> }[Op];

/** A weight that can be loaded: f32 values in row-major order of `shape`. */
export interface WeightSource {
  readonly name: string;
  readonly shape: readonly number[];
  /** Reads and dequantises the weight; may be called more than once. */
  load(): Float32Array;
  /** Reads `count` rows (all but the first extent) from row `start` on, where that is possible without the others. */
  readonly loadRows?: (start: number, count: number) => Float32Array;
  /** Its rows as they are stored, where it is made of whole rows of a known format. */
  readonly stored?: StoredRows;
  /** The rows of its matrices transposed, where it is those that are stored. */
  readonly storedTransposed?: StoredRows;
}

export interface Graph {
  readonly name: string;
  /** Results by name: `logits` f32 and `next` i32; where another graph reads on, `hidden` f32 (B,T,…). */
  readonly outputs: ReadonlyMap<string, Node>;
  /** The node that changes each state, by the name of the state. */
  readonly states: ReadonlyMap<string, Node>;
  readonly weights: ReadonlyMap<string, WeightSource>;
}

/** Makes a node, inferring and checking its type. Throws ShapeError naming the op and the label. */
export function makeNode<O extends Op>(
  op: O,
  inputs: readonly Node[],
  attrs: OpAttrs[O],
  label = '',
): Node {
  const rule = OPS[op];
  const [min, max] = rule.arity;
  const where = label === '' ? op : `${label}: ${op}`;
  if (inputs.length < min || inputs.length > max) {
    const required = min === max ? min : `${min} to ${max}`;
    throw new ShapeError(`inputs must be ${required}, not ${inputs.length}`, { where });
  }
  try {
    const type = rule.infer(
      inputs.map((input) => input.type),
      attrs,
    );
    return { op, inputs, attrs, type, label } as unknown as Node;
  } catch (error) {
    if (error instanceof ShapeError && error.where === undefined) {
      throw new ShapeError(error.message, { where });
    }
    throw error;
  }
}

/** The nodes an evaluation needs, each after its inputs; states first in order, then outputs. */
export const topologicalOrder = perObject((graph: Graph): readonly Node[] => {
  const order = new Set<Node>();
  const visit = (root: Node): void => {
    const path = [root]; // not the call stack, which a long chain would overflow
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const next = order.has(node) ? undefined : node.inputs.find((input) => !order.has(input));
      if (next !== undefined) path.push(next);
      else order.add(path.pop()!);
    }
  };
  graph.states.forEach(visit);
  graph.outputs.forEach(visit);
  return [...order];
});

/** How often each node is used, by nodes, outputs and states. */
export function countUses(graph: Graph): Map<Node, number> {
  const uses = new Map<Node, number>();
  const use = (node: Node): void => void uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of topologicalOrder(graph)) node.inputs.forEach(use);
  graph.outputs.forEach(use);
  graph.states.forEach(use);
  return uses;
}
