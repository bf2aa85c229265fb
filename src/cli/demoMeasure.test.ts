import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countEqualBits, isEqual, type Measured } from './demoMeasure.ts';

test('bits are compared, not values: zeros differ in sign, a NaN equals itself', () => {
  const a = Float32Array.of(1, 0, NaN, 2);
  assert.equal(countEqualBits(a, Float32Array.of(1, -0, NaN, 3)), 2);
  assert.equal(countEqualBits(a, Float32Array.of(1)), 0);
  assert.equal(countEqualBits(a, undefined), 0);
});

test('nothing compared is not equality', () => {
  const measured = (tokens: number, equalTokens: number, equalLogits: number): Measured =>
    ({ agreement: { tokens, equalTokens, logits: 10, equalLogits } }) as Measured;
  assert.equal(isEqual(measured(3, 3, 10)), true);
  assert.equal(isEqual(measured(3, 2, 10)), false);
  assert.equal(isEqual(measured(3, 3, 9)), false);
  assert.equal(isEqual(measured(0, 0, 10)), false);
});
