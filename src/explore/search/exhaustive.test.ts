import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dtlz2, roofline, zdt } from '../../../test/searchProblems.ts';
import { exhaustiveSearch } from './exhaustive.ts';
import { nonDominated } from './front.ts';
import { gridSize, pointAt, rankOf, runSearch, type Found, type Problem } from './problem.ts';
import { randomSearch, shuffledRanks } from './random.ts';
import { Random } from '../../base/index.ts';

/** Every point evaluated, nothing else. */
function bruteForce({ sizes, violation, evaluate }: Problem): Found[] {
  const found: Found[] = [];
  for (let rank = 0; rank < gridSize(sizes); rank++) {
    const point = pointAt(sizes, rank);
    if (violation(point) > 0) continue;
    const { objectives, violation: measured } = evaluate(point);
    if (objectives !== undefined && measured === 0) found.push({ point, objectives });
  }
  return nonDominated(found);
}

test('ranks and points are each other’s inverse, in lexicographic order', () => {
  const sizes = [3, 1, 4, 2];
  for (let rank = 0; rank < 24; rank++) assert.equal(rankOf(sizes, pointAt(sizes, rank)), rank);
  assert.deepEqual(pointAt(sizes, 9), [1, 0, 0, 1]);
  assert.throws(() => gridSize([2 ** 30, 2 ** 30]), { name: 'UsageError' });
  assert.throws(() => gridSize([3, 0]), /1 to 2\^53 - 1 points, not 3 × 0/);
});

test('an exhaustive search finds what brute force finds, and accounts for each point', () => {
  const problems = [zdt(1, 4, 7), zdt(3, 3, 12), dtlz2(4, 6), roofline(1, 4, 7), roofline(2, 5, 5)];
  for (const problem of problems) {
    const result = runSearch(exhaustiveSearch(problem, 50), problem.evaluate);
    const { evaluations, overLimits, bounded } = result;
    assert.deepEqual(result.front, bruteForce(problem));
    assert.equal(evaluations + overLimits + bounded, gridSize(problem.sizes));
    assert.equal(result.proven, true);
    assert.equal(result.nearest, undefined);
  }
});

test('bounds leave most points out, and change nothing else', () => {
  const problem = roofline(3, 5, 7);
  const { bound: _, ...unbounded } = problem;
  const [with_, without] = [problem, unbounded].map((each) =>
    runSearch(exhaustiveSearch(each, 64), problem.evaluate),
  );
  assert.deepEqual(with_!.front, without!.front);
  assert.equal(without!.bounded, 0);
  assert.ok(with_!.evaluations < without!.evaluations / 5, `${with_!.evaluations}`);
});

test('points that equal a bound of the front are kept as ties', () => {
  const problem: Problem = {
    sizes: [4, 3],
    violation: () => 0,
    bound: ([x]) => [x!, -x!],
    evaluate: ([x]) => ({ objectives: [x!, -x!], violation: 0 }),
  };
  const { front, bounded } = runSearch(exhaustiveSearch(problem, 1), problem.evaluate);
  assert.equal(front.length, 12);
  assert.equal(bounded, 0);
});

test('where no point keeps the limits, the nearest one is named; what cannot serve never is', () => {
  const problem: Problem = {
    sizes: [5, 5],
    violation: ([x]) => (x === 4 ? 0.5 : 0),
    evaluate: ([x, y]) => ({
      objectives: y === 0 ? undefined : [1],
      violation: y === 0 ? 0 : 1 / (1 + x! + y!),
    }),
  };
  const result = runSearch(exhaustiveSearch(problem), problem.evaluate);
  assert.deepEqual(result.front, []);
  assert.equal(result.overLimits, 5);
  assert.deepEqual(result.nearest, { point: [3, 4], violation: 1 / 8 });
});

test('a search that is told too few outcomes, or has too many points, says so', () => {
  const search = exhaustiveSearch(zdt(1, 2, 3));
  search.next([]);
  assert.throws(() => search.next([]), /must be told 9 outcomes, one a point, not 0/);
  assert.throws(() => exhaustiveSearch(zdt(1, 8, 10)).next([]), {
    name: 'UsageError',
    hint: /genetic/,
  });
});

test('random search evaluates as many points as asked, none twice, by its seed', () => {
  const problem = roofline(1, 4, 6);
  const run = (seed: number, evaluations: number): string[] => {
    const asked: string[] = [];
    runSearch(randomSearch(problem, { seed, evaluations, batchPoints: 30 }), (point) => {
      asked.push(`${point}`);
      return problem.evaluate(point);
    });
    return asked;
  };
  assert.equal(new Set(run(1, 200)).size, 200);
  assert.deepEqual(run(1, 200), run(1, 200));
  assert.notDeepEqual(run(1, 200), run(2, 200));
  const all = runSearch(randomSearch(problem, { seed: 1, evaluations: 1e6 }), problem.evaluate);
  assert.equal(all.proven, true);
  assert.deepEqual(all.front, bruteForce(problem));
});

test('shuffled ranks are all ranks once, evenly', () => {
  const random = new Random(1);
  assert.deepEqual(
    [...shuffledRanks(random, 100)].toSorted((a, b) => a - b),
    [...Array(100).keys()],
  );
  const firsts = Array.from({ length: 6000 }, () => [...shuffledRanks(random, 3)].join(''));
  for (const count of Map.groupBy(firsts, (order) => order).values())
    assert.ok(Math.abs(count.length - 1000) < 120, `${count.length}`);
  const huge = shuffledRanks(random, 2 ** 50);
  assert.equal(new Set(Array.from({ length: 1000 }, () => huge.next().value)).size, 1000);
});
