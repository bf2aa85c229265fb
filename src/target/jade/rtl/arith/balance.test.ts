import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Signal } from '../../../../hdl/index.ts';
import { balanceStages, delayOf, type Step } from './balance.ts';

/** Steps with these delays, after which as many bits are registered. */
function steps(delays: readonly number[], bits: readonly number[] = delays.map(() => 1)): Step[] {
  return delays.map((delay, i) => ({ delay, bits: bits[i]! }));
}

test('registers go where they make the slowest stage fastest, one after the last step', () => {
  assert.deepEqual(balanceStages(steps([1, 1, 1, 1]), 2), [2, 4]);
  assert.deepEqual(balanceStages(steps([9, 1, 1, 1, 9]), 3), [1, 4, 5]);
  assert.deepEqual(balanceStages(steps([5, 5, 9, 2]), 3), [2, 3, 4]);
  assert.deepEqual(balanceStages(steps([3, 4]), 2), [1, 2]);
  assert.deepEqual(balanceStages(steps([3, 4, 5]), 1), [3]);
  assert.deepEqual(balanceStages(steps([3]), 0), []);
});

test('of the plans that are as fast, the one with the fewest bits in registers is taken', () => {
  assert.deepEqual(balanceStages(steps([2, 2, 2, 6], [9, 5, 7, 1]), 3), [2, 3, 4]);
  assert.deepEqual(balanceStages(steps([2, 2, 2, 6], [4, 9, 7, 1]), 3), [1, 3, 4]);
});

test('delays add up along the slowest way, wiring is free, and wide operators are slower', () => {
  const input = (width: number): Signal => new Signal(width, { kind: 'input' });
  const delay = (signal: Signal): number => delayOf(signal, new Map());
  const [a, b] = [input(32), input(32)];
  assert.equal(delay(a), 0);
  assert.equal(delay(a.high(16).concat(b.low(16))), 0);
  assert.equal(delay(a.add(b).add(b)), 2 * delay(a.add(b)));
  assert.equal(delay(a.add(b).and(b)), delay(a.add(b)) + delay(a.and(b)));
  assert.ok(delay(a.low(8).add(b.low(8))) < delay(a.add(b)));
  assert.ok(delay(a.add(b)) < delay(a.mulU(b)));
  assert.ok(delay(a.shl(b.low(3))) < delay(a.shl(b.low(5))));
});
