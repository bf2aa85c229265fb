import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GREEDY, Sampler, type SamplingOptions } from './sampler.ts';

const logits = Float32Array.of(1, 3, NaN, 2, -Infinity);

/** How often each token is drawn. */
function draw(options: Partial<SamplingOptions>, times = 4000): number[] {
  const sampler = new Sampler({ ...GREEDY, temperature: 1, seed: 7, ...options });
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < times; i++) counts[sampler.next(logits, 1)]!++;
  return counts;
}

test('temperature 0 is the choice of the target', () => {
  assert.equal(new Sampler(GREEDY).next(logits, 3), 3);
});

test('tokens are drawn by their probabilities, and NaN and −Infinity never', () => {
  const counts = draw({});
  const weights = [1, 3, 2].map(Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, token] of [0, 1, 3].entries()) {
    assert.ok(Math.abs(counts[token]! / 4000 - weights[i]! / total) < 0.03, `${counts}`);
  }
  assert.deepEqual([counts[2], counts[4]], [0, 0]);
});

test('a low temperature draws the likeliest, a high one evens the odds', () => {
  assert.equal(draw({ temperature: 0.01 })[1], 4000);
  const [first, second] = draw({ temperature: 100 });
  assert.ok(Math.abs(first! - second!) < 200);
});

test('top-k and top-p leave out the unlikely', () => {
  assert.equal(draw({ topK: 2 })[0], 0);
  assert.equal(draw({ topK: 1 })[1], 4000);
  assert.equal(draw({ topP: 0.6 })[1], 4000); // 66 % alone
  assert.equal(draw({ topP: 0.7 })[0], 0); // 66 % + 24 %
});

test('the same seed gives the same tokens, another seed others', () => {
  const tokens = (seed: number): number[] => {
    const sampler = new Sampler({ ...GREEDY, temperature: 1, seed });
    return Array.from({ length: 50 }, () => sampler.next(logits, 1));
  };
  assert.deepEqual(tokens(1), tokens(1));
  assert.notDeepEqual(tokens(1), tokens(2));
});

test('all options out of range are named at once', () => {
  assert.throws(() => new Sampler({ temperature: -1, topK: 1.5, topP: 0, seed: 0 }), {
    name: 'UsageError',
    message:
      'temperature must be a number from 0 to 100, not -1; ' +
      'top-k must be a whole number from 0, not 1.5; top-p must be above 0 and at most 1, not 0',
  });
});
