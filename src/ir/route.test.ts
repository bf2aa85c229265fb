import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteAttrs } from './ops.table.ts';
import { routeGates } from './route.ts';

const ATTRS: RouteAttrs = {
  scoring: 'sigmoid',
  topK: 2,
  groups: 1,
  topGroups: 1,
  normalize: false,
  scale: 1,
};

/** The logit whose sigmoid is `score`. */
function logit(score: number): number {
  return Math.log(score / (1 - score));
}

function gates(scores: number[], attrs: Partial<RouteAttrs>, bias?: number[]): number[] {
  const out = new Float32Array(scores.length).fill(7);
  const logits = Float32Array.from(scores, logit);
  routeGates(logits, bias && Float32Array.from(bias), { ...ATTRS, ...attrs }, out);
  return Array.from(out, (gate) => Math.round(gate * 1e5) / 1e5);
}

test('the best experts keep their scores and the others get zero', () => {
  assert.deepEqual(gates([0.1, 0.4, 0.2, 0.3], {}), [0, 0.4, 0, 0.3]);
});

test('normalised gates add up to the scale', () => {
  assert.deepEqual(gates([0.1, 0.6, 0.2, 0.3], { normalize: true, scale: 3 }), [0, 2, 0, 1]);
});

test('the bias decides who is chosen and not what the gate is', () => {
  assert.deepEqual(gates([0.1, 0.4, 0.2, 0.3], {}, [1, 0, 0, 0]), [0.1, 0.4, 0, 0]);
});

test('only experts of the groups with the best two members are eligible', () => {
  // The best expert of all is alone in its group: 0.9 + 0.1 loses to 0.6 + 0.5.
  const scores = [0.9, 0.1, 0.6, 0.5];
  assert.deepEqual(gates(scores, { groups: 2, topGroups: 1 }), [0, 0, 0.6, 0.5]);
});

test('groups may be chosen by their best member alone', () => {
  const attrs = { groups: 2, topGroups: 1, groupByBest: true };
  assert.deepEqual(gates([0.9, 0.1, 0.6, 0.5], attrs), [0.9, 0.1, 0, 0]);
});

test('a group of one expert has the score of that expert', () => {
  const attrs = { groups: 4, topGroups: 2 };
  assert.deepEqual(gates([0.1, 0.4, 0.2, 0.3], attrs), [0, 0.4, 0, 0.3]);
});

test('of equal scores the lower indices are chosen', () => {
  assert.deepEqual(gates([0.5, 0.5, 0.5, 0.5], { groups: 2, topGroups: 1 }), [0.5, 0.5, 0, 0]);
});

test('eligible experts with negative biased scores are still preferred to other groups', () => {
  const attrs = { groups: 2, topGroups: 1, topK: 2 };
  assert.deepEqual(gates([0.5, 0.5, 0.1, 0.1], attrs, [-3, 1, -2, -2]), [0.5, 0.5, 0, 0]);
});

test('softmax scores are relative to all experts', () => {
  const out = new Float32Array(3);
  routeGates(
    Float32Array.of(0, Math.log(2), 0),
    undefined,
    { ...ATTRS, scoring: 'softmax', topK: 1 },
    out,
  );
  assert.deepEqual([...out], [0, 0.5, 0]);
});
