import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatNumerics } from './float.ts';

const ATTRS = { streams: 2, iterations: 20, epsilon: 1e-6 };

function close(found: ArrayLike<number>, required: readonly number[], error = 1e-6): void {
  assert.equal(found.length, required.length);
  required.forEach((value, i) =>
    assert.ok(Math.abs(found[i]! - value) < error, `${i}: ${found[i]}`),
  );
}

test('an entry is the mean of its window by softmax of gates and bias, each channel by itself', () => {
  // Two tokens, two channels: values, then gates; the bias makes the second token of channel 1 win.
  const rows = Float32Array.of(1, 10, 0, 0, 3, 30, 0, Math.log(3));
  const bias = Float32Array.of(0, 0, 0, Math.log(3));
  const out = new Float32Array(2);
  floatNumerics.pool({ rows, bias, K: 2, overlap: false, first: true }, out);
  close(out, [2, (1 * 10 + 9 * 30) / 10], 1e-5);
});

test('with overlap the window before counts by its first channels, the own one by its second', () => {
  // One token a window: values [a, b], gates [c, d].
  const rows = Float32Array.of(7, 100, 0, 0, 200, 9, 0, 0);
  const bias = Float32Array.of(0, Math.log(3));
  const out = new Float32Array(1);
  floatNumerics.pool({ rows, bias, K: 1, overlap: true, first: false }, out);
  close(out, [(7 + 3 * 9) / 4]);
  floatNumerics.pool({ rows, bias, K: 1, overlap: true, first: true }, out);
  close(out, [9]);
});

test('coefficients: sigmoids with their scales, and a matrix whose rows and columns add up to 1', () => {
  const x = Float32Array.of(0, 1, 0, -1, 2, 0, 1, -1);
  const scale = Float32Array.of(1, 2, 0.5);
  const base = Float32Array.of(0, 0, 1, 0, 0, 0, 0, 0.5);
  const out = new Float32Array(8);
  floatNumerics.hyperConnection(x, scale, base, ATTRS, out);
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  close(out.subarray(0, 2), [0.5, sigmoid(1)], 2e-6);
  close(out.subarray(2, 4), [2 * sigmoid(1), 2 * sigmoid(-2)]);
  const [a, b, c, d] = out.subarray(4) as unknown as [number, number, number, number];
  close([a + b, c + d, a + c, b + d], [1, 1, 1, 1], 1e-4);
  // A doubly stochastic 2 × 2 matrix has equal off-diagonals, so the direction shows with three streams.
  const three = new Float32Array(15);
  const logits = Float32Array.from({ length: 15 }, (_, i) => (i === 7 ? 3 : 0));
  const ones = { ...ATTRS, streams: 3, iterations: 1 };
  floatNumerics.hyperConnection(
    logits,
    new Float32Array(3).fill(1),
    new Float32Array(15),
    ones,
    three,
  );
  assert.ok(three[9]! > three[7]!, 'comb[0][1] is the share of stream 0 in X_1');
});

test('every sum that is divided by has the epsilon, and so have the softmax and pre', () => {
  const out = new Float32Array(3);
  const attrs = { streams: 1, iterations: 2, epsilon: 0.1 };
  const [scale, base] = [new Float32Array(3), new Float32Array(3)];
  floatNumerics.hyperConnection(new Float32Array(3), scale, base, attrs, out);
  const column = 1.1 / 1.2;
  const row = column / (column + 0.1);
  close(out, [0.6, 1, row / (row + 0.1)]);
});

test('a sink takes its share of attention and adds nothing', () => {
  const request = {
    query: Float32Array.of(0),
    keys: Float32Array.of(5, 7),
    values: Float32Array.of(5, 7),
    sink: Math.log(2),
    queryOffset: 0,
    keyOffset: 0,
    valueOffset: 0,
    keyStride: 1,
    valueStride: 1,
    keyWidth: 1,
    valueWidth: 1,
    count: 2,
    scale: 1,
  };
  const out = new Float32Array(1);
  floatNumerics.attend(request, out);
  close(out, [(5 + 7) / 4]);
});

test('gates of given experts are their scores, normalised and scaled', () => {
  const out = new Float32Array(3);
  const attrs = { scoring: 'sqrtSoftplus', normalize: true, scale: 3 } as const;
  const logits = Float32Array.of(Math.log(Math.E ** 4 - 1), -50, Math.log(Math.E - 1));
  floatNumerics.gatesOf(logits, [0, 2], attrs, out);
  close(out, [2, 0, 1]);
});
