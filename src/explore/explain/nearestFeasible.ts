/**
 * When no point keeps all limits: which limits are to blame, and which designs come nearest.
 *
 * The excess over each limit is an objective to make small. Points that none dominates in that are the
 * least ways to give in: no limit of one can stay tighter unless another gives more.
 */
import { exhaustiveSearch } from '../search/exhaustive.ts';
import { geneticSearch } from '../search/genetic.ts';
import { gridSize, type Point, type Problem, type SearchResult } from '../search/problem.ts';
import { sizesOf, type Excess, type View } from './view.ts';

/** Limits to widen, each by how much of itself, and a design that keeps them then. */
export interface Relaxation {
  readonly widen: readonly Excess[];
  readonly point: Point;
}

export type Feasibility =
  | { readonly kind: 'feasible'; readonly point: Point }
  /** No point can serve, whatever the limits. */
  | { readonly kind: 'no service'; readonly reasons: readonly string[] }
  | {
      readonly kind: 'infeasible';
      /** The least sum of excesses. */
      readonly nearest: Relaxation;
      /** Fewest limits first, then the least sum; of equal ones the first design. */
      readonly relaxations: readonly Relaxation[];
      /** Limits that each relaxation widens: no design keeps them while it keeps the others as well as any. */
      readonly toBlame: readonly string[];
      /** Every point was looked at. */
      readonly proven: boolean;
    };

export interface FeasibleOptions {
  readonly seed: number;
  /** Points looked at, at most; grids of no more are searched in full. */
  readonly evaluations?: number;
}

/** Reasons named, the most frequent first. */
const REASONS = 5;

export function nearestFeasible(
  view: View,
  { seed, evaluations = 20_000 }: FeasibleOptions,
): Feasibility {
  const reasons = new Map<string, number>();
  const problem = excessProblem(view, reasons);
  const search =
    gridSize(problem.sizes) <= evaluations
      ? exhaustiveSearch(problem)
      : geneticSearch(problem, { seed, evaluations });
  let step = search.next([]);
  while (step.done !== true) {
    const { points } = step.value;
    const outcomes = points.map(problem.evaluate);
    const kept = outcomes.findIndex(({ objectives }) => objectives?.every((each) => each === 0));
    if (kept >= 0) return { kind: 'feasible', point: points[kept]! };
    step = search.next(outcomes);
  }
  return explained(view, step.value, reasons);
}

/** Limits are objectives: none rules a point out. */
function excessProblem(view: View, reasons: Map<string, number>): Problem {
  return {
    sizes: sizesOf(view),
    violation: () => 0,
    evaluate(point) {
      const look = view.look(point);
      if ('misfit' in look) {
        reasons.set(look.misfit, (reasons.get(look.misfit) ?? 0) + 1);
        return { objectives: undefined, violation: 0 };
      }
      const excess = new Map(look.broken.map(({ limit, excess }) => [limit, excess]));
      // 0 - x, as the negative of 0 is another 0.
      return { objectives: view.limits.map((limit) => 0 - (excess.get(limit) ?? 0)), violation: 0 };
    },
  };
}

function explained(
  { limits }: View,
  { front, proven }: SearchResult,
  reasons: ReadonlyMap<string, number>,
): Feasibility {
  if (front.length === 0) {
    const often = [...reasons].toSorted(([, a], [, b]) => b - a).slice(0, REASONS);
    return { kind: 'no service', reasons: often.map(([reason]) => reason) };
  }
  const distinct = new Map(front.toReversed().map((found) => [`${found.objectives}`, found]));
  const relaxations = [...distinct.values()]
    .map(({ point, objectives }): Relaxation => {
      const widen = limits.map((limit, i) => ({ limit, excess: 0 - objectives[i]! }));
      return { point, widen: widen.filter(({ excess }) => excess > 0) };
    })
    .toSorted((a, b) => a.widen.length - b.widen.length || total(a) - total(b));
  return {
    kind: 'infeasible',
    nearest: relaxations.reduce((least, each) => (total(each) < total(least) ? each : least)),
    relaxations,
    toBlame: limits.filter((limit) =>
      relaxations.every(({ widen }) => widen.some((each) => each.limit === limit)),
    ),
    proven,
  };
}

const total = ({ widen }: Relaxation): number => widen.reduce((sum, { excess }) => sum + excess, 0);
