/** Neighbours of a point: what one step on each axis would change, and why it is not done. */
import { covers } from '../search/front.ts';
import { steps } from '../search/neighbours.ts';
import type { Point } from '../search/problem.ts';
import { sizesOf, type Excess, type Look, type View } from './view.ts';

/**
 * cannot serve, or over limits: no design. worse: nothing gained and something lost, so that the point
 * dominates it. better: the other way round. other: something for something. equal: no objective feels it.
 */
export type Verdict = 'cannot serve' | 'over limits' | 'worse' | 'better' | 'other' | 'equal';

export interface NeighbourRow {
  readonly point: Point;
  readonly axis: string;
  readonly from: number | string;
  readonly to: number | string;
  readonly verdict: Verdict;
  /** Change of each objective, as a share of the point's; above 0 is for the better. None without service. */
  readonly changes: readonly number[];
  readonly broken: readonly Excess[];
  /** What the neighbour would wait for, or why it cannot serve. */
  readonly reason: string;
}

/** One row for each step on the grid, axis by axis. Of a point that cannot serve: none. */
export function neighbourTable(view: View, point: Point): NeighbourRow[] {
  const here = view.look(point);
  if ('misfit' in here) return [];
  return steps(sizesOf(view), point).map((next) => {
    const axis = next.findIndex((index, i) => index !== point[i]);
    const { name, values } = view.axes[axis]!;
    const step = { axis: name, from: values[point[axis]!]!, to: values[next[axis]!]! };
    return { point: next, ...step, ...compare(here.objectives, view.look(next)) };
  });
}

function compare(
  here: readonly number[],
  there: Look,
): Pick<NeighbourRow, 'verdict' | 'changes' | 'broken' | 'reason'> {
  if ('misfit' in there)
    return { verdict: 'cannot serve', changes: [], broken: [], reason: there.misfit };
  const { objectives, broken, limitedBy: reason } = there;
  const changes = objectives.map((value, i) => changeOf(here[i]!, value));
  const verdict = broken.length > 0 ? 'over limits' : verdictOf(here, objectives);
  return { verdict, changes, broken, reason };
}

function verdictOf(here: readonly number[], there: readonly number[]): Verdict {
  const [loses, gains] = [covers(here, there), covers(there, here)];
  if (loses && gains) return 'equal';
  if (loses) return 'worse';
  return gains ? 'better' : 'other';
}

/** Of a maximised number to another, as a share of the first; above 0 is for the better. */
export function changeOf(from: number, to: number): number {
  if (from === to) return 0;
  return (to - from) / Math.abs(from);
}
