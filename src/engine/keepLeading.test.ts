import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { keepLeading } from './keepLeading.ts';

/** What it must be: ranks by sorting, and takes tokens until the mass is there. */
function sortedLeading(weights: Float64Array, wanted: number, byWeight: boolean): Float64Array {
  const ranked = [...weights.keys()].toSorted((a, b) => weights[b]! - weights[a]! || a - b);
  const kept = new Float64Array(weights.length);
  let mass = 0;
  for (const token of ranked) {
    kept[token] = weights[token]!;
    mass += byWeight ? weights[token]! : 1;
    if (mass >= wanted) break;
  }
  return kept;
}

test('selection keeps what sorting keeps', () => {
  const random = new Random(3);
  for (let round = 0; round < 400; round++) {
    // Whole numbers, so that sums are exact in any order; few of them, so that many are equal.
    const distinct = 1 + random.int(round % 2 === 0 ? 5 : 1000);
    const weights = Float64Array.from({ length: 1 + random.int(300) }, () => random.int(distinct));
    weights[random.int(weights.length)] = 7;
    const byWeight = random.int(2) === 1;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const wanted = byWeight ? random.float() * sum : 1 + random.int(weights.length);
    const expected = sortedLeading(weights, wanted, byWeight);
    keepLeading(weights, wanted, byWeight);
    assert.deepEqual(weights, expected, `round ${round}`);
  }
});

test('one token is kept however little is wanted, and all when more is wanted than there is', () => {
  const weights = Float64Array.of(1, 4, 0, 4);
  keepLeading(weights, 100, true);
  assert.deepEqual([...weights], [1, 4, 0, 4]);
  keepLeading(weights, 0, true);
  assert.deepEqual([...weights], [0, 4, 0, 0]);
});
