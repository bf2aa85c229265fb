import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { Sampler } from './sampler.ts';
import { GREEDY, requireSampling, type SamplingOptions } from './samplingOptions.ts';

const logits = Float32Array.of(1, 3, NaN, 2, -Infinity);

/** How often each token is drawn. */
function draw(options: Partial<SamplingOptions>, times = 4000): number[] {
  const sampler = new Sampler({ ...GREEDY, temperature: 1, seed: 7, ...options });
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < times; i++) counts[sampler.next(logits, 1)]!++;
  return counts;
}

/** Greedy tokens of a row of logits that stays the same. */
function greedy(row: Float32Array, options: Partial<SamplingOptions>, prompt: number[] = []) {
  const sampler = new Sampler({ ...GREEDY, ...options }, { prompt });
  return (count: number): number[] => Array.from({ length: count }, () => sampler.next(row, 0));
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

test('top-k, top-p and min-p leave out the unlikely', () => {
  assert.equal(draw({ topK: 2 })[0], 0);
  assert.equal(draw({ topK: 1 })[1], 4000);
  assert.equal(draw({ topP: 0.6 })[1], 4000); // 66 % alone
  assert.equal(draw({ topP: 0.7 })[0], 0); // 66 % + 24 %
  assert.equal(draw({ minP: 0.4 })[1], 4000); // e^-1 = 0.37 of the likeliest
  assert.equal(draw({ minP: 0.3 })[0], 0); // e^-2 = 0.14
  assert.ok(draw({ minP: 0.1 })[0]! > 0);
});

test('the nucleus is of what top-k left', () => {
  assert.equal(draw({ topK: 2, topP: 0.72 })[1], 4000); // 73 % of the two
});

test('the same seed gives the same tokens, another seed others', () => {
  const tokens = (seed: number): number[] => {
    const sampler = new Sampler({ ...GREEDY, temperature: 1, seed });
    return Array.from({ length: 50 }, () => sampler.next(logits, 1));
  };
  assert.deepEqual(tokens(1), tokens(1));
  assert.notDeepEqual(tokens(1), tokens(2));
});

test('the draw of a token does not depend on how those before it were chosen', () => {
  const even = new Float32Array(100);
  const options = { ...GREEDY, temperature: 1, seed: 4 };
  const [one, other] = [new Sampler(options), new Sampler(options)];
  one.next(even, 0);
  other.next(Float32Array.of(0, 9), 0);
  assert.equal(one.next(even, 0), other.next(even, 0));
});

test('the repetition penalty is for prompt and text, towards less likely on both sides of zero', () => {
  // vLLM and Hugging Face: x > 0 ? x / p : x · p
  assert.deepEqual(greedy(Float32Array.of(4, 3.5, -1), { repetitionPenalty: 2 })(3), [0, 1, 0]);
  assert.deepEqual(greedy(Float32Array.of(4, 3.5, -1), { repetitionPenalty: 2 }, [0])(2), [1, 0]);
  assert.deepEqual(greedy(Float32Array.of(-1, -1.5), { repetitionPenalty: 2 })(3), [0, 1, 0]);
});

test('presence counts once, frequency each time, and neither the prompt', () => {
  const row = Float32Array.of(2, 0.9);
  assert.deepEqual(greedy(row, { presencePenalty: 1 }, [0])(5), [0, 0, 0, 0, 0]);
  assert.deepEqual(greedy(row, { presencePenalty: 1.5 })(3), [0, 1, 0]);
  assert.deepEqual(greedy(row, { frequencyPenalty: 1 }, [0, 0])(4), [0, 0, 1, 0]);
});

test('a bias moves a token, and logits stay as they are', () => {
  const row = Float32Array.of(1, 2, 0);
  const logitBias = new Map([
    [0, 3],
    [1, -100],
  ]);
  assert.deepEqual(greedy(row, { logitBias })(2), [0, 0]);
  assert.deepEqual([...row], [1, 2, 0]);
});

test('a constraint says what may come, and hears what came', () => {
  const accepted: number[] = [];
  const constraint = {
    restrict: (allowed: Uint8Array) => void allowed.fill(0, 0, accepted.length + 1),
    accept: (token: number) => void accepted.push(token),
  };
  const sampler = new Sampler(GREEDY, { constraint });
  const row = Float32Array.of(3, 2, 1);
  assert.deepEqual([sampler.next(row, 0), sampler.next(row, 0)], [1, 2]);
  assert.deepEqual(accepted, [1, 2]);
  assert.throws(() => sampler.next(row, 0), {
    name: 'CeladonError',
    message: 'a constraint must allow some token, not none',
  });
});

test('a vocabulary of 151,936 is drawn from as by sorting it', () => {
  const random = new Random(11);
  const row = Float32Array.from({ length: 151_936 }, () => 12 * random.float() ** 8);
  const ranked = [...row.keys()].toSorted((a, b) => row[b]! - row[a]! || a - b);
  const weights = ranked.map((token) => Math.exp(row[token]! - row[ranked[0]!]!));
  const wanted = 0.9 * weights.reduce((sum, weight) => sum + weight, 0);
  let mass = 0;
  const nucleus = new Set(ranked.slice(0, 1 + weights.findIndex((w) => (mass += w) >= wanted)));
  const sampler = new Sampler({ ...GREEDY, temperature: 1, topP: 0.9 });
  for (let i = 0; i < 6; i++) assert.ok(nucleus.has(sampler.next(row, 0)));
});

test('all options out of range are named at once', () => {
  assert.throws(() => new Sampler({ temperature: -1, topK: 1.5, topP: 0, seed: 0 }), {
    name: 'UsageError',
    message:
      'temperature must be a number from 0 to 100, not -1; ' +
      'top-k must be a whole number from 0, not 1.5; top-p must be above 0 and at most 1, not 0',
  });
  assert.throws(() => new Sampler({ ...GREEDY, minP: 2, presencePenalty: NaN }), {
    message:
      'min-p must be a number from 0 to 1, not 2; ' +
      'presence penalty must be a number from -2 to 2, not NaN',
  });
});

test('a bias must be of a token of the model', () => {
  const biased = { ...GREEDY, logitBias: new Map([[8, 1]]) };
  assert.doesNotThrow(() => requireSampling(biased, 9));
  assert.throws(() => requireSampling(biased, 8), {
    message: 'logit bias must be of token ids from 0 to 7, not 8',
  });
});
