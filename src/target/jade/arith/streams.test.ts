import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { loadChip } from '../../../chip/index.ts';
import { floatNumerics, type Numerics } from '../../../ir/index.ts';
import { jadeNumerics } from './jadeNumerics.ts';
import { agreement, mixStreams } from './streams.ts';

const { fround } = Math;
const JADE = jadeNumerics(loadChip('jade-nano'));
/** A sigmoid near 0 is 5 + 1.2·|x| ulp off, and |x| stays below 8; each of 40 divisions adds less than 3.1. */
const CLOSE = 140 * 2 ** -24;

function random32(random: Random, count: number, range = 8): Float32Array {
  return Float32Array.from({ length: count }, () => (random.float() - 0.5) * range);
}

function requireClose(found: Float32Array, required: Float32Array): void {
  found.forEach((x, i) => {
    const distance = Math.abs(x - required[i]!);
    assert.ok(distance <= CLOSE * Math.abs(required[i]!), `${x} for ${required[i]} at ${i}`);
  });
}

function coefficients(numerics: Numerics, x: Float32Array, parts: number): Float32Array {
  const random = new Random(5);
  const out = new Float32Array(x.length);
  const [scale, base] = [random32(random, parts, 2), random32(random, x.length, 2)];
  numerics.hyperConnection(x, scale, base, { streams: 4, iterations: 20, epsilon: 1e-6 }, out);
  return out;
}

test('coefficients of streams are near to those of exact arithmetic', () => {
  const random = new Random(1);
  for (let trial = 0; trial < 20; trial++) {
    for (const [width, parts] of [
      [24, 3],
      [4, 1],
    ] as const) {
      const x = random32(random, width);
      requireClose(coefficients(JADE, x, parts), coefficients(floatNumerics, x, parts));
    }
  }
});

test('a NaN among the scores of the matrix makes all of it the canonical NaN, and no other', () => {
  const x = random32(new Random(2), 24);
  x[13] = NaN;
  const words = new Uint32Array(coefficients(JADE, x, 3).buffer);
  assert.ok(words.subarray(0, 8).every((word) => word < 0x7f800000));
  assert.deepEqual(words.subarray(8), new Uint32Array(16).fill(0x7fc00000));
});

test('streams are mixed in ascending order, and each product rounds', () => {
  const [small, big] = [fround(1 + 2 ** -23), 2 ** 24];
  const x = Float32Array.of(small, big, 1, 1, -big, -0);
  const out = new Float32Array(2);
  mixStreams(Float32Array.of(small, 1, 1), x, 2, out);
  const first = [fround(small * small), fround(small * big)];
  const required = [fround(fround(first[0]! + 1) - big), fround(first[1]! + 1)];
  assert.deepEqual([...out], required);
  mixStreams(Float32Array.of(1), Float32Array.of(-0, 3), 2, out);
  assert.deepEqual([...out], [0, 3]); // from +0
});

test('how well a stream and a key agree is near to exact arithmetic, ½ where they are at right angles', () => {
  const random = new Random(3);
  const row = (): Float32Array => random32(random, 96);
  for (let trial = 0; trial < 50; trial++) {
    const request = { x: row(), key: row(), weights: [row(), row()], epsilon: 1e-20 } as const;
    const [found, required] = [JADE, floatNumerics].map((n) => n.nGramGate(request));
    // The root of a sum that cancels to d: 2^-24 · Σ |a·b| of about 100 over 2·√|d|, and d is from 1e-6
    assert.ok(Math.abs(found! - required!) < 1e-4, `${found} for ${required}`);
  }
  const [x, key] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  const ones = Float32Array.of(1, 1);
  assert.equal(agreement({ x, key, weights: [ones, ones], epsilon: 1e-20 }, 32), 0.5);
});

test('gates of the experts given are those of a route that can choose no others', () => {
  const logits = random32(new Random(4), 16);
  const attrs = { scoring: 'sqrtSoftplus', normalize: true, scale: 2.5 } as const;
  const [found, required] = [JADE, floatNumerics].map((numerics) => {
    const out = new Float32Array(16);
    numerics.gatesOf(logits, [11, 3, 7], attrs, out);
    return out;
  });
  assert.deepEqual(
    [...found!.keys()].filter((e) => found![e] !== 0),
    [3, 7, 11],
  );
  requireClose(found!, required!);
});
