/** The closed form of recurrences against what is scheduled: two value heads a key head, all state in one piece. */
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
  type WeightSource,
} from '../../../ir/index.ts';
import { jadeTarget } from '../target.ts';
import { streamSteps } from './streamSteps.ts';

const ROWS = 4;
const TARGET = jadeTarget(loadChip('jade-edge'), { contextTokens: 32 });
const CARRIED = ['causalConvolution', 'gatedDelta', 'layerNormalization'];

const weights = new Map<string, WeightSource>();

function weight(...shape: number[]): Node {
  const name = `w${weights.size}`;
  weights.set(name, { name, shape, load: () => new Float32Array(countElements(shape)) });
  return makeNode('weight', [], { name, type: tensor('f32', shape) });
}

function state(name: string, ...shape: number[]): Node {
  return makeNode('state', [], { name, type: tensor('f32', ['B', ...shape]) });
}

function graph(): Graph {
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  const x = makeNode('embedding', [tokens, weight(50, 64)], {});
  const linear = (width: number): Node => makeNode('linear', [x, weight(width, 64)], {});
  const heads = (count: number, width: number): Node =>
    makeNode('splitHeads', [linear(count * width)], { heads: count });
  const convolved = makeNode(
    'causalConvolution',
    [state('past', 3, 64), x, weight(64, 4), position],
    {},
    'causalConvolution',
  );
  const rules = [heads(3, 8), heads(3, 8), heads(6, 16), linear(6), linear(6)];
  const delta = makeNode(
    'gatedDelta',
    [state('memory', 6, 8, 16), ...rules, position],
    { scale: 0.5, chunk: 1 },
    'gatedDelta',
  );
  const normal = makeNode(
    'layerNormalization',
    [delta, weight(16), weight(16)],
    { epsilon: 1e-6 },
    'layerNormalization',
  );
  const all = makeNode('concat', [convolved, makeNode('mergeHeads', [normal], {})], {});
  const logits = makeNode('linear', [all, weight(50, 160)], {});
  const outputs = new Map([
    ['logits', logits],
    ['next', makeNode('argMax', [logits], {})],
  ]);
  const states = new Map([
    ['past', convolved],
    ['memory', delta],
  ]);
  return { name: 'recurrences', outputs, states, weights };
}

test('the closed form counts the instructions of recurrences that are scheduled', () => {
  const lowered = lowerGraph(graph(), TARGET);
  const kernels = orderKernels(fuseKernels(lowered));
  const schedule = TARGET.schedule(kernels, lowered, { B: 1, T: ROWS, S: 32 });
  const carried = kernels.filter(({ anchors: [anchor] }) => CARRIED.includes(anchor!.op));
  assert.equal(carried.length, CARRIED.length);
  for (const { name, anchors } of carried) {
    const emitted = schedule.instructions.filter(({ label }) => label === name);
    const vector = emitted.filter(({ op }) => op !== 'load' && op !== 'store');
    const times = streamSteps(anchors[0]!, ROWS)!.reduce((sum, step) => sum + step.times, 0);
    assert.equal(times, vector.length, name);
  }
});
