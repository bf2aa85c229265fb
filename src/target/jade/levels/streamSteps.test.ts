import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../../chip/index.ts';
import { fuseKernels, lowerGraph, orderKernels } from '../../../compile/index.ts';
import {
  countElements,
  makeNode,
  tensor,
  type Graph,
  type Node,
  type Op,
  type WeightSource,
} from '../../../ir/index.ts';
import { jadeTarget } from '../target.ts';
import { streamSteps } from './streamSteps.ts';

const ROWS = 4;
const TARGET = jadeTarget(loadChip('jade-nano'), { contextTokens: 32 });

const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });

const weights = new Map<string, WeightSource>();

function weight(...shape: number[]): Node {
  const name = `w${weights.size}`;
  weights.set(name, { name, shape, load: () => new Float32Array(countElements(shape)) });
  return makeNode('weight', [], { name, type: tensor('f32', shape) });
}

/** Four streams of 32, and all the operators of streams on them. */
function graph(): Graph {
  const flat = makeNode('embedding', [tokens, weight(50, 128)], {});
  const X = makeNode('splitHeads', [flat], { heads: 4 });
  const linear = (width: number): Node => makeNode('linear', [flat, weight(width, 128)], {});
  const hyper = { streams: 4, iterations: 20, epsilon: 1e-6 };
  const constants = [weight(3), weight(24)];
  const all = makeNode('hyperConnection', [linear(24), ...constants], hyper, 'hyperConnection');
  const comb = makeNode('slice', [all], { start: 8, size: 16 });
  const mixed = makeNode('mixHeads', [comb, X], {}, 'mixHeads');
  const attrs = { epsilon: 1e-6 };
  const gate = makeNode('nGramGate', [X, mixed, weight(4, 32), weight(4, 32)], attrs, 'nGramGate');
  const products = makeNode('dot', [X, mixed], {}, 'dot');
  const choice = { scoring: 'sqrtSoftplus', normalize: true, scale: 1 } as const;
  const route = makeNode('routeByToken', [linear(16), tokens, weight(50, 3)], choice, 'route');
  const both = makeNode('concat', [gate, makeNode('mergeHeads', [products], {}), route], {});
  const logits = makeNode('linear', [both, weight(50, 24)], {});
  const next = makeNode('argMax', [logits], {});
  const outputs = new Map([
    ['logits', logits],
    ['next', next],
  ]);
  return { name: 'streams', outputs, states: new Map(), weights };
}

test('the closed form counts the instructions that are scheduled', () => {
  const lowered = lowerGraph(graph(), TARGET);
  const kernels = orderKernels(fuseKernels(lowered));
  const schedule = TARGET.schedule(kernels, lowered, { B: 1, T: ROWS, S: 32 });
  const VECTOR: readonly Op[] = ['hyperConnection', 'mixHeads', 'nGramGate', 'dot', 'routeByToken'];
  for (const { name, anchors } of kernels.filter(({ anchors: [a] }) => VECTOR.includes(a!.op))) {
    const emitted = schedule.instructions.filter(({ label }) => label === name);
    const vector = emitted.filter(({ op }) => op !== 'load' && op !== 'gather');
    const times = streamSteps(anchors[0]!, ROWS)!.reduce((sum, step) => sum + step.times, 0);
    assert.equal(times, vector.length, name);
  }
});
