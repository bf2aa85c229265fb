/**
 * Every point of a grid: the front is proven, as each point was evaluated, is over limits, or lies below
 * a bound that the front dominates. The three counts add up to the size of the grid.
 *
 * Points with the highest bounds come first, so that the front is strong early and rules out most.
 */
import { UsageError } from '../../base/index.ts';
import { Ledger } from './ledger.ts';
import { gridSize, pointAt, type Grid, type Point, type Search } from './problem.ts';

/** What its bounds take in memory, some 100 bytes a point, is what limits a grid. */
export const EXHAUSTIVE_POINTS = 1e7;

/** A point that keeps the limits, by rank, and what it cannot exceed. */
interface Candidate {
  readonly rank: number;
  readonly bound: readonly number[] | undefined;
}

/** Throws UsageError for grids beyond EXHAUSTIVE_POINTS. */
export function* exhaustiveSearch(grid: Grid, batchPoints = 256): Search {
  const size = gridSize(grid.sizes);
  if (size > EXHAUSTIVE_POINTS) {
    throw new UsageError(
      `an exhaustive search must have at most ${EXHAUSTIVE_POINTS} points, not ${size}`,
      { hint: 'use the genetic search, or fewer values on the axes' },
    );
  }
  const ledger = new Ledger(grid.sizes);
  const candidates = highestFirst(withinLimits(grid, size, ledger));
  for (let next = 0; next < candidates.length;) {
    const points: Point[] = [];
    for (; points.length < batchPoints && next < candidates.length; next++) {
      const { rank, bound } = candidates[next]!;
      if (!ledger.rulesOut(bound)) points.push(pointAt(grid.sizes, rank));
    }
    if (points.length === 0) break;
    ledger.evaluated(points, yield { points, left: candidates.length - next });
  }
  return ledger.result();
}

function withinLimits(grid: Grid, size: number, ledger: Ledger): Candidate[] {
  const within: Candidate[] = [];
  for (let rank = 0; rank < size; rank++) {
    const point = pointAt(grid.sizes, rank);
    const violation = grid.violation(point);
    if (violation > 0) ledger.overLimits(point, violation);
    else within.push({ rank, bound: grid.bound?.(point) });
  }
  return within;
}

/** By the sum of bounds, each as a share of its range; those without a bound before all. */
function highestFirst(candidates: readonly Candidate[]): readonly Candidate[] {
  const low: number[] = [];
  const high: number[] = [];
  for (const { bound } of candidates) {
    for (const [i, value] of bound?.entries() ?? []) {
      low[i] = Math.min(low[i] ?? Infinity, value);
      high[i] = Math.max(high[i] ?? -Infinity, value);
    }
  }
  const height = ({ bound }: Candidate): number =>
    bound === undefined
      ? Infinity
      : bound.reduce((sum, value, i) => sum + (value - low[i]!) / (high[i]! - low[i]! || 1), 0);
  if (low.length === 0) return candidates;
  return candidates
    .map((candidate) => ({ candidate, height: height(candidate) }))
    .toSorted((a, b) => (a.height === b.height ? 0 : b.height - a.height))
    .map(({ candidate }) => candidate);
}
