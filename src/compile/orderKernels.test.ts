import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNode, tensor, type Node } from '../ir/index.ts';
import type { Kernel } from './fuseKernels.ts';
import { orderKernels } from './orderKernels.ts';

const weight = makeNode('weight', [], { name: 'w', type: tensor('f32', [64, 64]) });
const norm = makeNode('weight', [], { name: 'norm', type: tensor('f32', [64]) });
const table = makeNode('weight', [], { name: 'table', type: tensor('f32', [9, 64]) });
const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });

function kernel(name: string, node: Node): Kernel {
  return { name, anchors: [node], chain: [], result: node };
}

function namesOf(kernels: readonly Kernel[]): string[] {
  return orderKernels(kernels).map(({ name }) => name);
}

const x = makeNode('embedding', [tokens, table], {});
const linear = (input: Node): Node => makeNode('linear', [input, weight], {});

test('a kernel that does not read its neighbour comes between two that do', () => {
  const a = linear(x);
  const reader = makeNode('rmsNormalization', [a, norm], { epsilon: 1e-6 });
  const other = linear(x);
  const kernels = [
    kernel('x', x),
    kernel('a', a),
    kernel('reads a', reader),
    kernel('other', other),
  ];
  assert.deepEqual(namesOf(kernels), ['x', 'a', 'other', 'reads a']);
});

test('what leads to a router goes first', () => {
  const shared = linear(x);
  const logits = linear(x);
  const attrs = {
    scoring: 'sigmoid',
    topK: 2,
    groups: 1,
    topGroups: 1,
    normalize: true,
    scale: 1,
  } as const;
  const gates = makeNode('route', [logits], attrs);
  const kernels = [
    kernel('x', x),
    kernel('shared', shared),
    kernel('logits', logits),
    kernel('gates', gates),
  ];
  const before = kernel('norm', makeNode('rmsNormalization', [x, norm], { epsilon: 1e-6 }));
  const order = namesOf([kernels[0]!, before, ...kernels.slice(1)]);
  assert.ok(order.indexOf('logits') < order.indexOf('shared'));
  assert.ok(order.indexOf('gates') < order.indexOf('shared'));
});

test('of kernels that append to a state the one with the shortest chain goes first', () => {
  const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  const append = (name: string, links: number): Kernel => {
    const anchor = linear(x);
    const rows = makeNode('splitHeads', [anchor], { heads: 1 });
    const state = makeNode('state', [], { name, type: tensor('f32', ['B', 'S', 1, 64]) });
    const result = makeNode('append', [state, rows, position], {});
    return { name, anchors: [anchor], chain: [...Array(links).fill(rows), result], result };
  };
  const kernels = [
    kernel('x', x),
    kernel('query', linear(x)),
    append('keys', 3),
    append('values', 1),
  ];
  assert.deepEqual(namesOf(kernels), ['x', 'values', 'keys', 'query']);
});

test('inputs come first, whatever order the kernels are given in', () => {
  const a = linear(x);
  const b = linear(a);
  assert.deepEqual(namesOf([kernel('b', b), kernel('a', a), kernel('x', x)]), ['x', 'a', 'b']);
});
