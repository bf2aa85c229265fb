import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ngramRowsOf, startOfNgrams, wordsOf } from './ngram.ts';
import type { NgramAttrs } from './ops.table.ts';

const [A, B, C] = [0x7fffffffffffn, 0x123456789abcdefn, 0x00edcba987654321n];
const ATTRS = {
  multipliers: [A, B, C].flatMap(wordsOf),
  moduli: [20_000_003, 20_000_023, 20_000_033, 20_000_047],
  padding: 9,
  endsText: true,
};
const FIRST = [0, 20_000_003, 40_000_026, 60_000_059]; // of each part

/** The rows of the last token of a text. */
function lastRows(tokens: readonly number[], attrs: NgramAttrs): number[] {
  const found = ngramRowsOf(Int32Array.from(tokens), startOfNgrams(attrs), attrs);
  return [...found.slice(-attrs.moduli.length)];
}

/** The rows of the hashes of 2-grams and 3-grams. */
function rows(two: bigint, three: bigint): number[] {
  return ATTRS.moduli.map(
    (modulus, i) => FIRST[i]! + Number((i < 2 ? two : three) % BigInt(modulus)),
  );
}

test('hashes are exact in 63 bits, parts lie behind each other', () => {
  const two = (5n * A) ^ (6n * B);
  assert.deepEqual(lastRows([7, 6, 5], ATTRS), rows(two, two ^ (7n * C)));
});

test('what is not there, and what is before the end of a text, counts as its end', () => {
  const alone = (5n * A) ^ (9n * B);
  assert.deepEqual(lastRows([5], ATTRS), rows(alone, alone ^ (9n * C)));
  assert.deepEqual(lastRows([4, 9, 5], ATTRS), rows(alone, alone ^ (9n * C)));
  const ending = (9n * A) ^ (4n * B);
  assert.deepEqual(lastRows([3, 4, 9], ATTRS), rows(ending, ending ^ (3n * C)));
});

test('a token that ends no text hides nothing before it', () => {
  const ended = (5n * A) ^ (9n * B);
  assert.deepEqual(
    lastRows([4, 9, 5], { ...ATTRS, endsText: false }),
    rows(ended, ended ^ (4n * C)),
  );
});

test('products wrap around at 64 bits as signed numbers, and remainders are not negative', () => {
  const attrs = { multipliers: [2 ** 31, 1, 0, 0], moduli: [1000], padding: 0 };
  // 1 · (2^63 + 1) is −(2^63 − 1) with a sign: −9223372036854775807, 807 below a multiple of 1000
  assert.deepEqual(lastRows([1], attrs), [193]);
});
