/**
 * Tests of the IR as text. A file of test/ir starts with `; test COMMAND`; its cases are divided by
 * lines of `====`. A case is a sentence in a comment, a graph, a line `----`, and what comes out: a
 * graph or an error. `UPDATE=1 npm test` writes what comes out into the files.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CeladonError } from '../src/base/index.ts';
import {
  deduplicate,
  makeNode,
  parseGraph,
  printGraph,
  rewrite,
  verify,
  type Graph,
  type Node,
} from '../src/ir/index.ts';

const FOLDER = path.join(import.meta.dirname, 'ir');
const COMMAND = /^; test (\w+)\n/;

const COMMANDS: Readonly<Record<string, (graph: Graph) => Graph>> = {
  print: (graph) => graph,
  verify: (graph) => {
    verify(graph);
    return graph;
  },
  deduplicate,
  /** Takes transposes of transposes away. */
  untranspose: (graph) => rewrite(graph, untranspose),
  /** Quantises state and what is appended to it, which only works when both change together. */
  quantizeState: (graph) => rewrite(graph, quantizeState),
};

function untranspose(node: Node): Node | undefined {
  const inner = node.op === 'transpose' ? node.inputs[0] : undefined;
  return inner?.op === 'transpose' ? inner.inputs[0] : undefined;
}

function quantizeState(node: Node): Node | undefined {
  const attrs = { format: 'mxint8', group: 32 } as const;
  if (node.op === 'state') {
    const type = { ...node.type, dtype: attrs.format };
    return makeNode('state', [], { ...node.attrs, type }, node.label);
  }
  const operand = { append: 1, attention: 0 }[node.op as string];
  if (operand === undefined) return undefined;
  const inputs = node.inputs.map((input, i) =>
    i === operand ? makeNode('quantize', [input], attrs, node.label) : input,
  );
  return makeNode(node.op, inputs, node.attrs, node.label);
}

function outcome(command: (graph: Graph) => Graph, input: string): string {
  try {
    return printGraph(command(parseGraph(input, 'input')));
  } catch (error) {
    if (!(error instanceof CeladonError)) throw error;
    const where = error.where === undefined ? '' : `  at ${error.where}\n`;
    return `${error.name}: ${error.message}\n${where}`;
  }
}

/** The file with what comes out now. */
function updated(text: string): string {
  const [header, name] = COMMAND.exec(text)!;
  const command = COMMANDS[name!]!;
  const cases = text.slice(header.length).split('====\n');
  const written = cases.map((part) => {
    const [input] = part.split('----\n');
    return `${input}----\n${outcome(command, input!)}`;
  });
  return header + written.join('====\n');
}

for (const file of fs.readdirSync(FOLDER).filter((name) => name.endsWith('.ir'))) {
  test(`test/ir/${file} holds what comes out`, () => {
    const text = fs.readFileSync(path.join(FOLDER, file), 'utf8');
    const now = updated(text);
    if (process.env['UPDATE'] === '1') fs.writeFileSync(path.join(FOLDER, file), now);
    else assert.equal(now, text);
  });
}
