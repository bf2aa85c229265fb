/** Functions by themselves, limits and the variants of route: values against what their summaries say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { createSimulator, type Simulator } from './simulator.ts';

const [A, B, D] = [0x1000, 0x2000, 0x3000];

/** A chip with f32 from A and B on, after one instruction. */
function after(text: string, a: readonly number[], b: readonly number[] = []): Simulator {
  const simulator = createSimulator(nano as Chip, 4096);
  const floats = new Float32Array(simulator.local.buffer);
  floats.set(a, A / 4);
  floats.set(b, B / 4);
  simulator.run(assemble(text), { maxPosition: 0 });
  return simulator;
}

function results({ local }: Simulator, count: number, at = D): number[] {
  return [...new Float32Array(local.buffer, at, count)];
}

function near(actual: readonly number[], expected: readonly number[], relative: number): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((x, i) => {
    const y = expected[i]!;
    assert.ok(Math.abs(x - y) <= relative * Math.abs(y), `${i}: ${x}, not ${y}`);
  });
}

const row = (columns: number): string =>
  `a=0x1000 rows=1 inner=1 columns=${columns} d=0x3000 rowCount=none`;

test('sigmoid, exp and softplus are those of mathematics, to a few units', () => {
  const x = [-20, -3.5, -1, -0.25, 0, 0.5, 2, 9, 30];
  const expected: Readonly<Record<string, (x: number) => number>> = {
    sigmoid: (v) => 1 / (1 + Math.exp(-v)),
    exp: Math.exp,
    softplus: (v) => Math.log1p(Math.exp(v)),
  };
  for (const [op, f] of Object.entries(expected)) {
    near(results(after(`${op} ${row(x.length)}`, x), x.length), x.map(f), 32 * 2 ** -24);
  }
});

test('max gives the number beside a NaN, min the NaN; of equals max gives b and min a', () => {
  const [a, b] = [
    [1, 5, NaN, 2, NaN, -0, 0],
    [3, -5, 4, NaN, NaN, 0, -0],
  ];
  const of = (op: string): number[] => results(after(`${op} b=0x2000 ${row(7)}`, a, b), 7);
  assert.deepEqual(of('max'), [3, 5, 4, 2, NaN, 0, -0]);
  assert.deepEqual(of('min'), [1, -5, NaN, NaN, NaN, -0, 0]);
});

test('div multiplies by the reciprocal', () => {
  const [a, b] = [
    [6, 1, -7, 1, 0],
    [2, 3, 5, 0, 0],
  ];
  const [x, y, z, ...ends] = results(after(`div b=0x2000 ${row(5)}`, a, b), 5);
  near([x!, y!, z!], [3, 1 / 3, -1.4], 3 * 2 ** -24);
  assert.deepEqual(ends, [Infinity, NaN]);
});

test('sum is a word for each row (t, j)', () => {
  const a = Array.from({ length: 12 }, (_, i) => i);
  const text =
    'sum a=0x1000 aStride=24 aInner=12 rows=4 inner=2 columns=3 d=0x3000 dStride=16 dInner=4 scale=0.5';
  assert.deepEqual(results(after(text, a), 6), [1.5, 6, 0, 0, 10.5, 15]);
});

test('signedRoot keeps the sign and is at least the root of the smallest', () => {
  const text = `signedRoot smallest=0.25 ${row(5)}`;
  const [p, q, r, ...ends] = results(after(text, [9, -16, -0.01, -0, NaN]), 5);
  near([p!, q!, r!], [3, -4, -0.5], 3 * 2 ** -24);
  assert.deepEqual(ends, [0, NaN]);
});

test('the limit of swiglu bounds the gate above and the other both ways', () => {
  const [a, b] = [
    [50, -50, 1, NaN, 1],
    [50, 2, -50, 1, NaN],
  ];
  const text = (limit: number): string => `swiglu limit=${limit} b=0x2000 ${row(5)}`;
  const silu = (x: number): number => x / (1 + Math.exp(-x));
  const limited = results(after(text(7), a, b), 5);
  near(limited.slice(0, 3), [silu(7) * 7, silu(-50) * 2, silu(1) * -7], 2 ** -17);
  assert.deepEqual(limited.slice(3), [NaN, NaN]);
  near(results(after(text(0), a, b), 3), [2500, silu(-50) * 2, silu(1) * -50], 2 ** -17);
});

const ROUTE = 'route a=0x1000 aStride=16 rows=2 columns=4 d=0x3000 dStride=16 topK=1 scale=1';

test('route scores by the root of softplus', () => {
  const text = `${ROUTE} b=none groups=1 topGroups=1 scoring=2`;
  const gates = results(after(text, [-2, 3, 0, 1, -100, -200, -300, -400]), 8);
  near(gates.slice(0, 4), [0, Math.sqrt(Math.log1p(Math.exp(3))), 0, 0], 2 ** -21);
  // All scores are the smallest there is, 2^-63: the first is chosen.
  near(gates.slice(4), [2 ** -63, 0, 0, 0], 2 ** -21);
});

test('each token of route has its own bias where there is a stride', () => {
  const bias = [9, 0, 0, 0, 0, 0, 0, 9];
  const chosen = (stride: number): number[] => {
    const text = `${ROUTE} b=0x2000 bStride=${stride} groups=1 topGroups=1 scoring=1`;
    return results(after(text, Array(8).fill(0), bias), 8);
  };
  assert.deepEqual(chosen(16), [0.5, 0, 0, 0, 0, 0, 0, 0.5]);
  assert.deepEqual(chosen(0), [0.5, 0, 0, 0, 0.5, 0, 0, 0]);
});

test('a group of route counts as its best expert, or as the sum of its two best', () => {
  const logits = [3, -9, 1, 1];
  const chosen = (groupByBest: number): number => {
    const text = `${ROUTE.replace('rows=2', 'rows=1')} b=none groups=2 topGroups=1 scoring=1 groupByBest=${groupByBest}`;
    return results(after(text, logits), 4).findIndex((gate) => gate > 0);
  };
  assert.equal(chosen(1), 0);
  assert.equal(chosen(0), 2);
});
