import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './errors.ts';
import { Random } from './random.ts';

/** The reference C code of the authors, transcribed on 64-bit integers, as an independent judge. */
function* reference(seed: bigint): Generator<number> {
  const mask = 0xffffffffn;
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  const s = [...splitMix64(seed)].flatMap((z) => [z & mask, z >> 32n]);
  for (;;) {
    yield Number((rotate((s[1] * 5n) & mask, 7n) * 9n) & mask);
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
  }
}

function* splitMix64(seed: bigint): Generator<bigint> {
  const wrap = (x: bigint) => BigInt.asUintN(64, x);
  let x = wrap(seed);
  for (let i = 0; i < 2; i++) {
    x = wrap(x + 0x9e3779b97f4a7c15n);
    let z = wrap((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    yield z ^ (z >> 31n);
  }
}

test('the stream equals the reference algorithm for small, large and negative seeds', () => {
  for (const seed of [0, 1, -1, 42, Number.MAX_SAFE_INTEGER]) {
    const random = new Random(seed);
    const expected = reference(BigInt(seed));
    for (let i = 0; i < 200; i++) assert.equal(random.uint32(), expected.next().value);
  }
});

test('SplitMix64 of seed 1234567 starts with the published words', () => {
  assert.equal([...splitMix64(1234567n)][0], 6457827717110365317n);
});

test('two generators of one seed agree and of two seeds differ', () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 8 }, () => random.float());
  };
  assert.deepEqual(draw(5), draw(5));
  assert.notDeepEqual(draw(5), draw(6));
});

test('floats lie in [0, 1) and their mean and variance are those of the uniform law', () => {
  const random = new Random(3);
  const draws = Array.from({ length: 50_000 }, () => random.float());
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  assert.ok(draws.every((x) => x >= 0 && x < 1));
  assert.ok(Math.abs(mean - 1 / 2) < 0.01);
  assert.ok(Math.abs(variance - 1 / 12) < 0.01);
});

test('integers below n are all reached about equally often', () => {
  const random = new Random(4);
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.int(7)]++;
  assert.ok(
    counts.every((count) => Math.abs(count - 10_000) < 500),
    `${counts}`,
  );
});

test('bounds and seeds that are not integers in range are refused', () => {
  assert.throws(() => new Random(1.5), UsageError);
  for (const bound of [0, -1, 2.5, 2 ** 33, NaN]) {
    assert.throws(() => new Random(1).int(bound), UsageError);
  }
});
