/** Points at random, none twice: what a search must beat. */
import { Random } from '../../base/index.ts';
import { Ledger } from './ledger.ts';
import { gridSize, pointAt, type Grid, type Point, type Search } from './problem.ts';

/** Evaluates at most so many points; points over limits are passed by and cost nothing. */
export function* randomSearch(
  grid: Grid,
  {
    seed,
    evaluations,
    batchPoints = 256,
  }: { seed: number; evaluations: number; batchPoints?: number },
): Search {
  const ledger = new Ledger(grid.sizes);
  const order = shuffledRanks(new Random(seed), gridSize(grid.sizes));
  for (;;) {
    const points: Point[] = [];
    while (points.length < Math.min(batchPoints, evaluations - ledger.evaluations)) {
      const { value: rank, done } = order.next();
      if (done === true) break;
      const point = pointAt(grid.sizes, rank);
      const violation = grid.violation(point);
      if (violation > 0) ledger.overLimits(point, violation);
      else points.push(point);
    }
    if (points.length === 0) return ledger.result();
    const left = evaluations - ledger.evaluations - points.length;
    ledger.evaluated(points, yield { points, left });
  }
}

/** The shuffle of Fisher and Yates, of which only what was moved is kept. */
export function* shuffledRanks(random: Random, size: number): Generator<number, undefined> {
  const moved = new Map<number, number>();
  for (let first = 0; first < size; first++) {
    const chosen = first + randomBelow(random, size - first);
    yield moved.get(chosen) ?? chosen;
    moved.set(chosen, moved.get(first) ?? first);
    moved.delete(first);
  }
  return undefined;
}

/** From 0 to n - 1, for n to 2^53: beyond 2^32 the least likely are so by less than 1 in 2^21. */
function randomBelow(random: Random, n: number): number {
  return n <= 2 ** 32 ? random.int(n) : Math.floor(random.float() * n);
}
