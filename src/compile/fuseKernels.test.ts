import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNode, tensor, type Graph, type Node } from '../ir/index.ts';
import { fuseKernels } from './fuseKernels.ts';

const D = 64;
const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });

function weight(name: string, ...shape: number[]): Node {
  return makeNode('weight', [], { name, type: tensor('f32', shape) });
}

function linear(name: string, x: Node, outputs: number): Node {
  return makeNode('linear', [x, weight(name, outputs, 64)], {}, name);
}

function graphOf(logits: Node): Graph {
  const next = makeNode('argMax', [logits], {});
  return {
    name: 'test',
    outputs: new Map([
      ['logits', logits],
      ['next', next],
    ]),
    states: new Map(),
    weights: new Map(),
  };
}

function describe(graph: Graph): string[] {
  return fuseKernels(graph).map(
    (k) => `${k.anchors.map((n) => n.op).join('+')}: ${k.chain.map((n) => n.op).join(' ')}`,
  );
}

const x = makeNode('embedding', [tokens, weight('table', 100, D)], {});

test('two linears of one input joined by swiglu are one kernel, and the residual joins the next', () => {
  const hidden = makeNode('swiglu', [linear('gate', x, D), linear('up', x, D)], {});
  const y = makeNode('add', [x, linear('down', hidden, D)], {});
  const graph = graphOf(linear('head', y, 100));
  assert.deepEqual(describe(graph), [
    'embedding: ',
    'linear+linear: swiglu',
    'linear: add',
    'linear: argMax',
  ]);
});

test('of two linears that are added, one takes the addition and runs after the other', () => {
  const graph = graphOf(makeNode('add', [linear('a', x, 100), linear('b', x, 100)], {}));
  const kernels = fuseKernels(graph);
  assert.deepEqual(describe(graph), ['embedding: ', 'linear: ', 'linear: add argMax']);
  assert.equal(kernels[1]!.name, 'b');
});

test('a value with two readers ends its kernel', () => {
  const norm = makeNode('rmsNormalization', [x, weight('norm', D)], { epsilon: 1e-6 });
  const both = makeNode('add', [linear('a', norm, D), norm], {});
  assert.deepEqual(describe(graphOf(both)), [
    'embedding: ',
    'rmsNormalization: ',
    'linear: add argMax',
  ]);
});

test('every computing node is in exactly one kernel, and kernels come after what they read', () => {
  const norm = makeNode('rmsNormalization', [x, weight('norm', D)], { epsilon: 1e-6 });
  const hidden = makeNode('swiglu', [linear('gate', norm, D), linear('up', norm, D)], {});
  const kernels = fuseKernels(graphOf(makeNode('add', [x, linear('down', hidden, D)], {})));
  const done = new Set<Node>();
  for (const kernel of kernels) {
    const own = [...kernel.anchors, ...kernel.chain];
    for (const node of own) {
      assert.ok(!done.has(node), `${node.op} is in two kernels`);
      for (const input of node.inputs)
        assert.ok(input.inputs.length === 0 || done.has(input) || own.includes(input));
    }
    own.forEach((node) => done.add(node));
  }
});
