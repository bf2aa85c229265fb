import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rotaryConstants } from './rotary.ts';

const DEEPSEEK_V3 = {
  factor: 40,
  original_max_position_embeddings: 4096,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 1,
  mscale_all_dim: 1,
};

function requireClose(given: number, expected: number): void {
  assert.ok(Math.abs(given - expected) <= 1e-9 * Math.abs(expected), `${given} is not ${expected}`);
}

test('without scaling the frequencies fall geometrically from one', () => {
  const { frequencies, magnitude, softmaxFactor } = rotaryConstants(8, 10_000, null);
  for (const [i, expected] of [1, 0.1, 0.01, 0.001].entries())
    requireClose(frequencies[i]!, expected);
  assert.deepEqual([frequencies.length, magnitude, softmaxFactor], [4, 1, 1]);
});

test('YaRN of DeepSeek-V3 leaves pairs to 10, blends 11 to 22 and divides pairs from 23 by 40', () => {
  // 64·ln(4096 / 64π) / (2·ln 10⁴) = 10.47 and 64·ln(4096 / 2π) / (2·ln 10⁴) = 22.51; θ_i = 10^(-i/8).
  const { frequencies } = rotaryConstants(64, 10_000, DEEPSEEK_V3);
  const factorOf = (i: number): number => frequencies[i]! / 10 ** (-i / 8);
  for (const i of [0, 1, 9, 10]) requireClose(factorOf(i), 1);
  for (const i of [23, 24, 31]) requireClose(factorOf(i), 1 / 40);
  requireClose(factorOf(11), 12 / 13 + 1 / 13 / 40);
  requireClose(factorOf(22), 1 / 13 + 12 / 13 / 40);
});

test('DeepSeek-V3 puts the whole magnitude into the softmax scale', () => {
  const { magnitude, softmaxFactor } = rotaryConstants(64, 10_000, DEEPSEEK_V3);
  assert.equal(magnitude, 1);
  requireClose(softmaxFactor, (0.1 * Math.log(40) + 1) ** 2);
  assert.equal(softmaxFactor.toFixed(5), '1.87385'); // as published: 192^-½ · 1.87385
});

test('YaRN without mscale_all_dim puts the magnitude into cosines and sines', () => {
  const qwen = {
    ...DEEPSEEK_V3,
    factor: 4,
    original_max_position_embeddings: 32768,
    mscale_all_dim: 0,
  };
  const { magnitude, softmaxFactor } = rotaryConstants(128, 1e6, qwen);
  requireClose(magnitude, 0.1 * Math.log(4) + 1);
  assert.equal(softmaxFactor, 1);
});

test('a range of blended pairs that is empty or beyond the ends gives finite frequencies', () => {
  for (const L0 of [1, 4, 2 ** 40]) {
    const { frequencies } = rotaryConstants(4, 10_000, {
      ...DEEPSEEK_V3,
      original_max_position_embeddings: L0,
    });
    assert.ok(frequencies.every((f) => Number.isFinite(f) && f > 0));
  }
});
