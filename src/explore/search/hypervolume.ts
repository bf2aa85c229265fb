/**
 * Hypervolume: the measure of what a front dominates above a reference, the one number by which fronts
 * of any shape compare.
 *
 * WFG [1]: a point's own share is its box less the part that later points cover, which is the
 * hypervolume of those points cut down to its box. Exact but for the rounding of sums; exponential in
 * the objectives, and quick for a few hundred points of up to five.
 *
 * [1] While, Bradstreet, Barone: A Fast Way of Calculating Exact Hypervolumes, IEEE Transactions on
 *     Evolutionary Computation 16(1), 2012
 */
import { covers } from './front.ts';

type Vector = readonly number[];

/** Of maximised objectives; points that are not above the reference in all of them add nothing. */
export function hypervolume(points: readonly Vector[], reference: Vector): number {
  const boxes = points
    .filter((point) => point.every((value, i) => value > reference[i]!))
    .map((point) => point.map((value, i) => value - reference[i]!));
  return volume(maximal(boxes));
}

/** Of points that do not dominate each other, above 0. */
function volume(points: readonly Vector[]): number {
  if (points.length === 0) return 0;
  if (points[0]!.length === 2) return area(points);
  const sorted = points.toSorted((a, b) => b.at(-1)! - a.at(-1)!);
  return sorted.reduce((sum, point, index) => {
    const cut = sorted.slice(index + 1).map((other) => other.map((y, i) => Math.min(y, point[i]!)));
    return sum + (box(point) - volume(maximal(cut)));
  }, 0);
}

/** The staircase below points of two objectives. */
function area(points: readonly Vector[]): number {
  let [sum, height] = [0, 0];
  for (const [x, y] of points.toSorted((a, b) => b[0]! - a[0]!) as [number, number][]) {
    sum += x * (y - height);
    height = y;
  }
  return sum;
}

const box = (point: Vector): number => point.reduce((product, side) => product * side, 1);

/** Those that no other covers, each once. */
function maximal(points: readonly Vector[]): Vector[] {
  const kept: Vector[] = [];
  const sorted = points.toSorted(
    (a, b) => b.reduce((s, y) => s + y, 0) - a.reduce((s, y) => s + y, 0),
  );
  for (const point of sorted) {
    if (!kept.some((other) => covers(other, point))) kept.push(point);
  }
  return kept;
}
