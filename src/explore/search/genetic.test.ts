import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dtlz2, roofline, zdt } from '../../../test/searchProblems.ts';
import { Random } from '../../base/index.ts';
import { exhaustiveSearch } from './exhaustive.ts';
import { geneticSearch } from './genetic.ts';
import { hypervolume } from './hypervolume.ts';
import { axisMoves, pairSteps, steps } from './neighbours.ts';
import { survivors, tournament, type Individual } from './nsga.ts';
import {
  gridSize,
  runSearch,
  type Outcome,
  type Point,
  type Problem,
  type SearchResult,
} from './problem.ts';
import { randomSearch } from './random.ts';

/** Runs, and sees to it that no point is evaluated twice, and none that limits rule out. */
function run(problem: Problem, options: { seed: number; evaluations?: number }): SearchResult {
  const asked = new Set<string>();
  const result = runSearch(geneticSearch(problem, options), (point) => {
    assert.ok(!asked.has(`${point}`), `${point} was evaluated twice`);
    assert.equal(problem.violation(point), 0);
    asked.add(`${point}`);
    return problem.evaluate(point);
  });
  assert.equal(result.evaluations, asked.size);
  return result;
}

test('on grids of 10^4 points and more the front is the one of the exhaustive search', () => {
  const problems = [
    zdt(1, 4, 10),
    zdt(3, 3, 22),
    dtlz2(5, 7),
    roofline(1, 5, 7),
    roofline(2, 6, 5),
  ];
  for (const problem of problems) {
    assert.ok(gridSize(problem.sizes) >= 1e4);
    const { front } = runSearch(exhaustiveSearch(problem), problem.evaluate);
    const { bound: _, ...unbounded } = problem;
    for (const [index, each] of [problem, unbounded].entries()) {
      const result = run(each, { seed: index });
      assert.deepEqual(result.front, front);
      assert.equal(result.proven, false);
      assert.ok(result.evaluations < gridSize(problem.sizes) / 2, `${result.evaluations}`);
    }
  }
});

test('at equal evaluations it beats random search, over 10 seeds', () => {
  const reference = [0, -200];
  const problem = roofline(2, 6, 5);
  const [genetic, random] = [0, 1].map((kind) => {
    const volumes = Array.from({ length: 10 }, (_, seed) => {
      const options = { seed, evaluations: 200 };
      const search = kind === 0 ? geneticSearch(problem, options) : randomSearch(problem, options);
      const { front, evaluations } = runSearch(search, problem.evaluate);
      assert.ok(evaluations <= 200);
      return hypervolume(
        front.map(({ objectives }) => objectives),
        reference,
      );
    });
    return volumes.reduce((sum, volume) => sum + volume, 0) / 10;
  });
  assert.ok(genetic! > random!, `${genetic} and ${random}`);
});

test('a search that is interrupted anywhere and told again goes on alike', () => {
  const problem = roofline(4, 5, 5);
  const whole: (readonly Point[])[] = [];
  const known = new Map<string, Outcome>();
  const evaluate = (point: Point): Outcome => {
    const outcome = problem.evaluate(point);
    known.set(`${point}`, outcome);
    return outcome;
  };
  const search = geneticSearch(problem, { seed: 9 });
  let step = search.next([]);
  for (; step.done !== true; step = search.next(step.value.points.map(evaluate)))
    whole.push(step.value.points);
  const again = geneticSearch(problem, { seed: 9 });
  let other = again.next([]);
  for (const points of whole) {
    assert.ok(other.done !== true);
    assert.deepEqual(other.value.points, points);
    other = again.next(points.map((point) => known.get(`${point}`)!));
  }
  assert.deepEqual(other.value, step.value);
});

test('another seed takes another way; evaluations end it; a small grid is proven', () => {
  const problem = zdt(1, 4, 10);
  const few = (seed: number): SearchResult => run(problem, { seed, evaluations: 100 });
  assert.equal(few(1).evaluations, 100);
  assert.notDeepEqual(few(1).front, few(2).front);
  const small = zdt(1, 2, 5);
  const result = run(small, { seed: 1 });
  assert.equal(result.proven, true);
  assert.equal(result.evaluations, 25);
  assert.equal(run(problem, { seed: 1, evaluations: 0 }).evaluations, 0);
});

test('it finds the few points that keep narrow limits, and the nearest where there are none', () => {
  const target = [3, 8, 1, 6, 4];
  const distance = (point: Point): number =>
    point.reduce((sum, index, axis) => sum + Math.abs(index - target[axis]!), 0);
  const narrow = (most: number): Problem => ({
    sizes: [10, 10, 10, 10, 10],
    violation: (point) => Math.max(0, distance(point) - most),
    evaluate: (point) => ({ objectives: [point[0]!, -point[1]!], violation: 0 }),
  });
  const found = run(narrow(2), { seed: 1 });
  assert.deepEqual(
    found.front.map(({ objectives }) => objectives),
    [
      [3, -6],
      [4, -7],
      [5, -8],
    ],
  );
  const none = { ...narrow(2), violation: (point: Point) => 1 + distance(point) };
  assert.deepEqual(run(none, { seed: 1 }).nearest, { point: target, violation: 1 });
});

test('survivors: limits first, then rank, then room; ends of a rank before its middle', () => {
  const individual = (x: number, y: number, violation = 0): Individual => ({
    point: [x, y],
    objectives: violation === Infinity ? undefined : [x, y],
    violation,
  });
  const all = [
    individual(9, 9, 0.5),
    individual(9, 9, Infinity),
    individual(0, 4),
    individual(1, 3),
    individual(3.9, 0.1),
    individual(4, 0),
    individual(0, 0),
  ];
  const order = survivors(all, 7).map(({ point, rank }) => `${point}: ${rank}`);
  assert.deepEqual(order, [
    '0,4: 0',
    '4,0: 0',
    '1,3: 0',
    '3.9,0.1: 0',
    '0,0: 1',
    '9,9: 2',
    '9,9: 3',
  ]);
  assert.deepEqual(survivors(all.toReversed(), 7), survivors(all, 7));
  const random = new Random(1);
  const wins = Array.from({ length: 200 }, () => tournament(survivors(all, 7), random).rank);
  assert.ok(wins.filter((rank) => rank === 0).length > 140);
});

test('neighbours lie on the grid, and are all there', () => {
  const sizes = [3, 2, 1];
  const sorted = (points: readonly Point[]): string[] => points.map(String).toSorted();
  assert.deepEqual(sorted(steps(sizes, [1, 1, 0])), ['0,1,0', '1,0,0', '2,1,0']);
  assert.deepEqual(sorted(axisMoves(sizes, [0, 1, 0])), ['0,0,0', '1,1,0', '2,1,0']);
  assert.deepEqual(sorted(pairSteps(sizes, [1, 1, 0])), ['0,0,0', '2,0,0']);
  assert.equal(pairSteps([5, 5, 5], [2, 2, 2]).length, 12);
});
