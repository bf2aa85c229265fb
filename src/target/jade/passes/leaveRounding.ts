/**
 * Leaves out `fakeQuantize` of values that only the matrix unit reads: they are rounded to its blocks of
 * eight bits there, in place of the format that a cache was trained with. Others are left, and refused.
 */
import type { Pass } from '../../../compile/index.ts';
import { makeNode, rewrite, type Node, type Op } from '../../../ir/index.ts';

/** Operators whose values become blocks. */
const OPERANDS: ReadonlySet<Op> = new Set<Op>([
  'linear',
  'headLinear',
  'attention',
  'windowAttention',
  'topRows',
  'topBlocks',
  'append',
]);

/** Operators that only move values. */
const MOVES: ReadonlySet<Op> = new Set<Op>(['splitHeads', 'mergeHeads', 'slice', 'concat']);

export const leaveRounding: Pass = {
  name: 'leaveRounding',
  run: (graph) =>
    rewrite(graph, (node) => (OPERANDS.has(node.op) ? withInputs(node, unrounded) : undefined)),
};

function unrounded(node: Node): Node {
  if (node.op === 'fakeQuantize') return unrounded(node.inputs[0]!);
  return MOVES.has(node.op) ? (withInputs(node, unrounded) ?? node) : node;
}

/** The node with its inputs mapped; undefined where they stay the same. */
function withInputs(node: Node, map: (input: Node) => Node): Node | undefined {
  const inputs = node.inputs.map(map);
  const isSame = inputs.every((input, i) => input === node.inputs[i]);
  return isSame ? undefined : makeNode(node.op, inputs, node.attrs, node.label);
}
