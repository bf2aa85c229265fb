import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goldenGraph } from '../../../test/golden.ts';
import { compileLowered, lowerGraph } from '../../compile/index.ts';
import { makeNode, type Graph } from '../../ir/index.ts';
import { nodesOfLastToken } from './lastRows.ts';
import { cpuTarget } from './target.ts';

const TARGET = cpuTarget();
const GRAPH = lowerGraph(goldenGraph('qwen3-tiny', 'naive'), TARGET);
const LAST_LAYER = Math.max(
  ...[...GRAPH.weights.keys()].map((name) => Number(/layers\.(\d+)/.exec(name)?.[1] ?? 0)),
);

/** Labels of the products of so many rows. */
function productsOf(rows: number, graph: Graph, dims: { B: number; T: number }): string[] {
  const { steps } = compileLowered(graph, TARGET, { ...dims, S: 64 }).content;
  const products = steps.filter(({ kernel }) => kernel.startsWith('linear'));
  return products.filter(({ args }) => args['M'] === rows).map(({ label }) => label);
}

test('behind the keys and values of the last layer there is the last token alone', () => {
  const products = productsOf(1, GRAPH, { B: 1, T: 9 });
  const parts = ['q_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const required = parts.map((part) => `layers.${LAST_LAYER}.${part}`);
  const short = products.map((label) => label.replace(/\.(self_attn|mlp)/, ''));
  assert.deepEqual(short.toSorted(), ['lm_head', ...required].toSorted());
  assert.equal(productsOf(9, GRAPH, { B: 1, T: 9 }).length, 7 * (LAST_LAYER + 1) - 5);
});

test('several sequences have all rows', () => {
  assert.deepEqual(productsOf(2, GRAPH, { B: 2, T: 9 }), ['lm_head']);
});

test('what somebody reads all rows of has all rows', () => {
  const [last] = [...nodesOfLastToken(GRAPH)].filter(({ op }) => op === 'lastToken');
  const [hidden] = last!.inputs;
  const outputs = new Map([...GRAPH.outputs, ['hidden', hidden!] as const]);
  assert.deepEqual([...nodesOfLastToken({ ...GRAPH, outputs })], [last]);
  const added = makeNode('add', [hidden!, hidden!], {});
  const found = nodesOfLastToken({ ...GRAPH, outputs: new Map([...GRAPH.outputs, ['a', added]]) });
  assert.deepEqual([...found], [last]);
});
