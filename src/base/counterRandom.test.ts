import assert from 'node:assert/strict';
import { test } from 'node:test';
import { philox4x32, randomAt } from './counterRandom.ts';

const ONES = 0xffffffff;

test('Philox gives the known answers of its authors', () => {
  // kat_vectors of https://github.com/DEShawResearch/random123
  assert.deepEqual(
    philox4x32([0, 0, 0, 0], [0, 0]),
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  );
  assert.deepEqual(
    philox4x32([ONES, ONES, ONES, ONES], [ONES, ONES]),
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  );
  assert.deepEqual(
    philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test('numbers at places of a seed are even, and differ by seed and place', () => {
  const at = (seed: number) => Array.from({ length: 4000 }, (_, index) => randomAt(seed, index));
  for (const seed of [0, -1, 2 ** 53 - 1]) {
    const mean = at(seed).reduce((sum, x) => sum + x, 0) / 4000;
    assert.ok(Math.abs(mean - 0.5) < 0.02, `${seed}: ${mean}`);
  }
  assert.equal(new Set([...at(1), ...at(2), ...at(2 ** 32 + 1), ...at(-1)]).size, 16_000);
  assert.equal(randomAt(1, 7), at(1)[7]);
});

test('a seed is a whole number', () => {
  assert.throws(() => randomAt(0.5, 0), { name: 'UsageError' });
});
