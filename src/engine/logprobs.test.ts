import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { logprobOf, topLogprobs } from './logprobs.ts';

test('the likeliest are those of sorting, the first of equals first', () => {
  const random = new Random(5);
  for (let round = 0; round < 50; round++) {
    const logits = Float32Array.from({ length: 200 }, () => random.int(40) - 20);
    const sorted = [...logits.keys()].toSorted((a, b) => logits[b]! - logits[a]! || a - b);
    const top = topLogprobs(logits, round);
    assert.deepEqual(
      top.map(({ token }) => token),
      sorted.slice(0, round),
    );
    for (const { token, logprob } of top) {
      assert.ok(Math.abs(logprob - logprobOf(logits, token)) < 1e-12);
    }
  }
});

test('probabilities of all tokens add up to one, and far logits stay exact', () => {
  const all = topLogprobs(Float32Array.of(1, 3, 2, -Infinity), 9);
  const sum = all.reduce((total, { logprob }) => total + Math.exp(logprob), 0);
  assert.ok(Math.abs(sum - 1) < 1e-12);
  assert.deepEqual(topLogprobs(Float32Array.of(0, 1000), 2), [
    { token: 1, logprob: 0 },
    { token: 0, logprob: -1000 },
  ]);
  assert.deepEqual(topLogprobs(Float32Array.of(1, 2), 0), []);
});
