import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatNumerics } from './float.ts';
import { makeNode, type NodeOf } from './graph.ts';
import { SELECTION_RULES } from './selection.ts';
import { tensor } from './types.ts';
import { f32Value, i32Of, i32Value } from './value.ts';

/** The rows chosen for T tokens from `position` on, by one head of width 1 with query and weight 1. */
function chosen(keys: number[], T: number, position: number, topK: number, tokensPerRow = 1) {
  const inputs = [
    makeNode('weight', [], { name: 'q', type: tensor('f32', ['B', 'T', 1, 1]) }),
    makeNode('weight', [], { name: 'w', type: tensor('f32', ['B', 'T', 1]) }),
    makeNode('weight', [], { name: 'k', type: tensor('f32', ['B', 'S', 1, 1]) }),
    makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) }),
  ];
  const node = makeNode('topRows', inputs, { topK, tokensPerRow }) as NodeOf<'topRows'>;
  const ones = new Float32Array(T).fill(1);
  const values = [
    f32Value([1, T, 1, 1], ones),
    f32Value([1, T, 1], ones),
    f32Value([1, keys.length, 1, 1], Float32Array.from(keys)),
    i32Value([1], Int32Array.of(position)),
  ];
  const result = SELECTION_RULES.topRows(node, values, { numerics: floatNumerics } as never);
  const rows = [...i32Of(result)];
  return Array.from({ length: T }, (_, t) => rows.slice(t * topK, (t + 1) * topK));
}

test('the rows with the largest scores are chosen, ascending, from those a token sees', () => {
  assert.deepEqual(chosen([1, 5, 3, 4], 2, 2, 2), [
    [1, 2],
    [1, 3],
  ]);
});

test('of equal scores the first rows are chosen, and negative products count as zero', () => {
  assert.deepEqual(chosen([2, 2, 2, 2], 1, 3, 2), [[0, 1]]);
  assert.deepEqual(chosen([-1, -2, 0, 1], 1, 3, 2), [[0, 3]]);
});

test('places without a row are −1', () => {
  assert.deepEqual(chosen([1, 2, 3], 2, 0, 3), [
    [0, -1, -1],
    [0, 1, -1],
  ]);
});

test('a row that stands for four tokens is seen from the last of them on', () => {
  assert.deepEqual(chosen([1, 2], 6, 2, 2, 4), [
    [-1, -1],
    [0, -1],
    [0, -1],
    [0, -1],
    [0, -1],
    [0, 1],
  ]);
});

test('the score is the sum of weighted products of heads, each from zero up', () => {
  const out = new Float32Array(2);
  const request = {
    query: Float32Array.of(1, 0, 0, 1),
    weights: Float32Array.of(2, -3),
    keys: Float32Array.of(5, 1, 4, -7),
  };
  floatNumerics.indexScores(request, out);
  assert.deepEqual([...out], [2 * 5 - 3 * 1, 2 * 4]);
});

const POSITION = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });

test('without weights every head counts once', () => {
  const types = [['B', 'T', 2, 1] as const, ['B', 'S', 1, 1] as const];
  const [q, k] = types.map((shape) =>
    makeNode('weight', [], { name: 'x', type: tensor('f32', shape) }),
  );
  const node = makeNode('topRows', [q!, k!, POSITION], { topK: 1 }) as NodeOf<'topRows'>;
  const values = [
    f32Value([1, 1, 2, 1], Float32Array.of(3, -1)),
    f32Value([1, 3, 1, 1], Float32Array.of(1, -4, 1.2)),
    i32Value([1], Int32Array.of(2)),
  ];
  const found = SELECTION_RULES.topRows(node, values, { numerics: floatNumerics } as never);
  assert.deepEqual([...i32Of(found)], [1]); // scores 3, 4, 3.6
});

test('the rows of chosen blocks come first, then those that no block holds yet, then none', () => {
  const type = tensor('i32', ['B', 'T', 2]);
  const blocks = makeNode('input', [], { name: 'tokens', type });
  const node = makeNode('blockRows', [blocks, POSITION], {
    tokensPerRow: 3,
  }) as NodeOf<'blockRows'>;
  const values = [
    i32Value([3, 1, 2], Int32Array.of(-1, -1, 0, -1, 0, 2)),
    i32Value([3], Int32Array.of(1, 3, 8)),
  ];
  const rows = [...i32Of(SELECTION_RULES.blockRows(node, values, {} as never))];
  assert.deepEqual(rows.slice(0, 8), [0, 1, -1, -1, -1, -1, -1, -1]);
  assert.deepEqual(rows.slice(8, 16), [0, 1, 2, 3, -1, -1, -1, -1]);
  assert.deepEqual(rows.slice(16), [0, 1, 2, 6, 7, 8, -1, -1]);
});
