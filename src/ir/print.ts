/**
 * The text form of a graph, one node a line, read back by `parseGraph`:
 *
 *   graph NAME
 *   %0 = input() {"name":"position"} : i32[B]
 *   %5 = rmsNormalization(%3, %4) {"epsilon":0.000001} : f32[B,T,256] ; layers.0.input_layernorm
 *   output logits = %9
 *   state layers.0.k = %7
 *
 * After the op: its inputs; its attributes in JSON, unless it has none; its type; its label, unless
 * it is empty. Names with other characters than `A-Za-z0-9_./-` are JSON strings. Lines that are empty or
 * start with `;` are comments. Equal graphs print equally: nodes are numbered in evaluation order.
 */
import { attributesToString } from './attributes.ts';
import { topologicalOrder, type Graph, type Node } from './graph.ts';
import type { Op } from './ops.table.ts';
import { typeToString } from './types.ts';

/** Writes a graph; runs of white space in labels become one space. Ends with a newline. */
export function printGraph(graph: Graph): string {
  const order = topologicalOrder(graph);
  const ids = new Map(order.map((node, i) => [node, `%${i}`]));
  const results = (kind: string, nodes: ReadonlyMap<string, Node>): string[] =>
    [...nodes].map(([name, node]) => `${kind} ${nameToString(name)} = ${ids.get(node)}`);
  const lines = [
    `graph ${nameToString(graph.name)}`,
    ...order.map((node) => printNode(node, ids)),
    ...results('output', graph.outputs),
    ...results('state', graph.states),
  ];
  return `${lines.join('\n')}\n`;
}

function printNode(node: Node, ids: ReadonlyMap<Node, string>): string {
  const inputs = node.inputs.map((input) => ids.get(input)).join(', ');
  const attributes = attributesToString<Op>(node.op, node.attrs);
  const label = node.label.replaceAll(/\s+/g, ' ').trim();
  return [
    `${ids.get(node)} = ${node.op}(${inputs})`,
    ...(attributes === '' ? [] : [attributes]),
    `: ${typeToString(node.type)}`,
    ...(label === '' ? [] : [`; ${label}`]),
  ].join(' ');
}

function nameToString(name: string): string {
  return /^[\w./-]+$/.test(name) ? name : JSON.stringify(name);
}
