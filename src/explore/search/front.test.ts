import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import { dominates, Front, nonDominated } from './front.ts';
import type { Found } from './problem.ts';

/** Points of few values, so that many are equal in one objective or in all. */
function draw(random: Random, count: number, objectives: number, values: number): Found[] {
  return Array.from({ length: count }, (_, index) => ({
    point: [index],
    objectives: Array.from({ length: objectives }, () => random.int(values)),
  }));
}

test('a front is what pairwise comparison leaves, in any order of coming, ties and all', () => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const found = draw(random, 1 + random.int(150), 1 + random.int(5), 2 + random.int(30));
    const expected = found.filter((a) => !found.some((b) => dominates(b.objectives, a.objectives)));
    assert.deepEqual(nonDominated(found), expected);
    assert.deepEqual(nonDominated(found.toReversed()), expected);
  }
});

test('a front that grows to a thousand stays what pairwise comparison leaves', () => {
  const random = new Random(2);
  for (const dimensions of [2, 3, 4]) {
    const found = draw(random, 1200, dimensions - 1, 40).map(({ point, objectives }) => ({
      point,
      // On a plane, but for a few below it.
      objectives: [...objectives, random.int(3) - objectives.reduce((sum, y) => sum + y, 0)],
    }));
    const expected = found.filter((a) => !found.some((b) => dominates(b.objectives, a.objectives)));
    assert.deepEqual(nonDominated(found), expected);
  }
});

test('a front tells whether it dominates a bound, without taking it in', () => {
  const front = new Front();
  assert.equal(front.dominates([0, 0]), false);
  front.add({ point: [0], objectives: [1, 2] });
  assert.equal(front.dominates([1, 1]), true);
  assert.equal(front.dominates([1, 2]), false, 'equal is not dominated');
  assert.equal(front.dominates([0, 3]), false);
  assert.equal(front.add({ point: [1], objectives: [1, 1] }), false);
  assert.equal(front.add({ point: [2], objectives: [1, 2] }), true);
  assert.deepEqual(
    front.list().map(({ point }) => point),
    [[0], [2]],
  );
});

test('comparisons grow far less than the square of the front', () => {
  const reads = (count: number): number => {
    let read = 0;
    const front = new Front();
    const random = new Random(3);
    for (let index = 0; index < count; index++) {
      const x = random.float();
      const objectives = new Proxy([x, 1 - x], {
        get(target, key, receiver) {
          read++;
          return Reflect.get(target, key, receiver);
        },
      });
      front.add({ point: [index], objectives });
    }
    return read;
  };
  const [small, large] = [reads(200), reads(1600)];
  assert.ok(large < small * 8 * 2.5, `${small} reads for 200 points, ${large} for 1600`);
});

test('objectives that are no numbers, or too few, are refused', () => {
  const front = new Front();
  front.add({ point: [0], objectives: [0, 0] });
  for (const objectives of [[1], [1, NaN], [1, Infinity], [1, 2, 3]]) {
    assert.throws(() => front.add({ point: [0], objectives }), {
      name: 'ShapeError',
      message: /must be 2 finite numbers/,
    });
  }
});
