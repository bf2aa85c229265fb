import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import type { RouteAttrs } from '../../../ir/index.ts';
import { exp2, LOG2E, reciprocal, rsqrt, sigmoid } from './functions.ts';
import { laneSum } from './reduce.ts';
import { routeRow } from './route.ts';
import {
  argmaxRow,
  canonicalize,
  rmsRow,
  ropeRow,
  scaleByBytes,
  softmaxRow,
  type Row,
} from './rows.ts';

const { fround } = Math;

function random32(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => (random.float() - 0.5) * 8);
}

/** `count` numbers inside a longer array, so that a wrong offset shows. */
function rowOf(values: Float32Array, offset = 3): Row {
  const longer = new Float32Array(values.length + 9).fill(99);
  longer.set(values, offset);
  return { values: longer, offset };
}

function contentsOf({ values, offset }: Row, count: number): Float32Array {
  return values.slice(offset, offset + count);
}

/** The tree of the contract, by recursion over lists. */
function treeSum(numbers: readonly number[], lanes: number): number {
  const partial = Array.from({ length: lanes }, (_, lane) =>
    numbers.filter((_, i) => i % lanes === lane).reduce((sum, x) => fround(sum + x), 0),
  );
  const fold = (p: readonly number[]): number =>
    p.length === 1
      ? p[0]!
      : fold(p.slice(0, p.length / 2).map((x, i) => fround(x + p[i + p.length / 2]!)));
  return fold(partial);
}

test('a sum runs along each lane, then over halves of the lanes', () => {
  const random = new Random(1);
  for (const lanes of [4, 16, 64, 1024]) {
    for (const count of [0, 1, 3, 64, 100, 777]) {
      const values = random32(random, count);
      const row = rowOf(values);
      assert.equal(laneSum(row.values, row.offset, count, lanes), treeSum([...values], lanes));
    }
  }
});

test('the sum of the same numbers depends on the lanes', () => {
  const values = Float32Array.of(2 ** 24, 1, 1, 1, 1, 1, 1, 1);
  assert.equal(laneSum(values, 0, 8, 4), 2 ** 24 + 6);
  assert.equal(laneSum(values, 0, 8, 1), 2 ** 24);
});

test('rms follows the contract step by step', () => {
  const random = new Random(2);
  for (const count of [32, 48, 96]) {
    const [x, w] = [random32(random, count), random32(random, count)];
    const out = rowOf(new Float32Array(count));
    rmsRow(rowOf(x, 1), rowOf(w, 2), count, fround(1e-6), fround(1 / count), 16, out);
    const squares = treeSum(
      [...x].map((v) => fround(v * v)),
      16,
    );
    const mean = fround(squares * fround(1 / count));
    const r = rsqrt(fround(mean + fround(1e-6)));
    const expected = x.map((v, i) => fround(fround(v * r) * w[i]!));
    assert.deepEqual(contentsOf(out, count), expected);
  }
});

test('rope rotates the pairs of both layouts, in place too', () => {
  const random = new Random(3);
  const count = 8;
  const [x, table] = [random32(random, count), random32(random, count)];
  for (const interleaved of [false, true]) {
    const row = rowOf(x);
    ropeRow(row, rowOf(table, 1), count, interleaved, row);
    const expected = x.slice();
    for (let i = 0; i < 4; i++) {
      const [p, q] = interleaved ? [2 * i, 2 * i + 1] : [i, i + 4];
      const [cos, sin] = [table[i]!, table[4 + i]!];
      expected[p] = fround(x[p]! * cos) - fround(x[q]! * sin);
      expected[q] = fround(x[q]! * cos) + fround(x[p]! * sin);
    }
    assert.deepEqual(contentsOf(row, count), expected);
  }
});

test('softmax follows the contract and leaves zeros beyond the visible', () => {
  const random = new Random(4);
  for (const visible of [1, 5, 32, 40]) {
    const x = random32(random, 40);
    const row = rowOf(x);
    softmaxRow(row, visible, 40, 0.125, 8, row);
    const seen = [...x].slice(0, visible);
    const largest = Math.max(...seen);
    const c = fround(0.125 * LOG2E);
    const powers = seen.map((v) => exp2(fround(fround(v - largest) * c)));
    const r = reciprocal(treeSum(powers, 8));
    const expected = new Float32Array(40);
    expected.set(powers.map((e) => fround(e * r)));
    assert.deepEqual(contentsOf(row, 40), expected);
    assert.ok(Math.abs(expected.reduce((sum, p) => sum + p, 0) - 1) < 1e-6);
  }
});

test('a visible NaN makes all visible probabilities NaN, a hidden one nothing', () => {
  const x = Float32Array.of(1, NaN, 2, NaN);
  const out = rowOf(new Float32Array(4));
  softmaxRow(rowOf(x), 3, 4, 1, 4, out);
  assert.deepEqual(contentsOf(out, 4), Float32Array.of(NaN, NaN, NaN, 0));
  softmaxRow(rowOf(x), 1, 4, 1, 4, out);
  assert.deepEqual(contentsOf(out, 4), Float32Array.of(1, 0, 0, 0));
});

test('scale bytes multiply by powers of two, 255 by NaN, and reach only the first columns', () => {
  const row = rowOf(Float32Array.of(3, 3, 3, 3));
  scaleByBytes(row, 3, Uint8Array.of(0, 128, 9, 125, 9, 255, 9, 1), 1, 2);
  assert.deepEqual(contentsOf(row, 4), Float32Array.of(6, 0.75, NaN, 3));
});

test('argmax takes the first of equals and ranks NaN below everything', () => {
  const at = (...values: number[]): number =>
    argmaxRow({ values: Float32Array.from(values), offset: 0 }, values.length);
  assert.equal(at(1, 5, 5, 2), 1);
  assert.equal(at(NaN, -Infinity, -Infinity), 1);
  assert.equal(at(NaN, NaN), 0);
  assert.equal(at(-0, 0), 0);
});

test('every NaN becomes the canonical one, infinities stay', () => {
  const words = Uint32Array.of(0xffc00000, 0x7f800001, 0x7f800000, 0xff800000, 0xffffffff, 5);
  canonicalize(words, 1, 4);
  const expected = [0xffc00000, 0x7fc00000, 0x7f800000, 0xff800000, 0x7fc00000, 5];
  assert.deepEqual([...words], expected);
});

const ATTRS: RouteAttrs = {
  scoring: 'sigmoid',
  topK: 2,
  groups: 1,
  topGroups: 1,
  normalize: false,
  scale: 1,
};

function route(
  logits: readonly number[],
  attrs: Partial<RouteAttrs>,
  bias?: readonly number[],
): number[] {
  const out = rowOf(new Float32Array(logits.length));
  const biasRow = bias && rowOf(Float32Array.from(bias), 1);
  routeRow(
    rowOf(Float32Array.from(logits)),
    biasRow,
    logits.length,
    { ...ATTRS, ...attrs },
    4,
    out,
  );
  return [...contentsOf(out, logits.length)];
}

test('routing keeps the best experts, the first of equals, and scales their scores', () => {
  assert.deepEqual(route([0, 0, 0, 0], {}), [0.5, 0.5, 0, 0]);
  assert.deepEqual(route([0, 1, 0, 2], { scale: 2 }), [
    0,
    fround(2 * sigmoid(1)),
    0,
    fround(2 * sigmoid(2)),
  ]);
});

test('bias counts for the choice only', () => {
  assert.deepEqual(route([0, 1, 0, 2], { topK: 1 }, [3, 0, 0, 0]), [0.5, 0, 0, 0]);
});

test('groups are ranked by the sum of their two best, and limit the choice', () => {
  // Group 0 has the single best expert, group 1 the better pair.
  const gates = route([9, -9, 3, 3], { groups: 2, topGroups: 1, topK: 2 });
  assert.deepEqual(gates, [0, 0, sigmoid(3), sigmoid(3)]);
  // Groups of one expert: the expert's own score.
  assert.deepEqual(route([1, 3, 2], { groups: 3, topGroups: 1, topK: 1 }), [0, sigmoid(3), 0]);
});

test('normalised gates are divided by the sum of the chosen in ascending order', () => {
  const scores = [0.3, 2, -1].map((x) => sigmoid(fround(x)));
  const sum = fround(fround(scores[0]! + scores[1]!) + fround(1e-20));
  const expected = scores.slice(0, 2).map((s) => fround(fround(s * reciprocal(sum)) * 2.5));
  assert.deepEqual(route([0.3, 2, -1], { normalize: true, scale: 2.5 }), [...expected, 0]);
});

test('softmax scoring is the softmax of all logits', () => {
  const out = { values: new Float32Array(4), offset: 0 };
  softmaxRow({ values: Float32Array.of(1, 2, 3, 4), offset: 0 }, 4, 4, 1, 4, out);
  assert.deepEqual(route([1, 2, 3, 4], { scoring: 'softmax' }), [
    0,
    0,
    out.values[2],
    out.values[3],
  ]);
});

test('an expert with a NaN is chosen last', () => {
  assert.deepEqual(route([NaN, -5, NaN, -6], {}), [0, sigmoid(-5), 0, sigmoid(-6)]);
  assert.deepEqual(route([NaN, -5, NaN], {}), [NaN, sigmoid(-5), 0]);
});
