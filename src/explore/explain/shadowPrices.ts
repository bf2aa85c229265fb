/**
 * Shadow prices: what a limit costs, found by searching again with this limit wider. A grid has no
 * derivative; the price is of a step as large as designs make, 10 % unless said.
 *
 * The search starts from the front that is known and goes over its neighbours until none is unknown, so
 * a price is a lower bound: a wider limit may buy more than was found.
 */
import { covers } from '../search/front.ts';
import { localSearch } from '../search/local.ts';
import { runSearch, type Found, type Point } from '../search/problem.ts';
import { changeOf } from './neighbourTable.ts';
import { problemOf, remembering, type Allowance, type View } from './view.ts';

export interface ShadowPrice {
  readonly limit: string;
  /** By how much of itself the limit was widened. */
  readonly widened: number;
  /** Whether the limit binds: to widen it gains something. */
  readonly binds: boolean;
  readonly gains: readonly Gain[];
}

/** Shares of what the objective is within the limits. */
export interface Gain {
  readonly objective: string;
  /** Of the best that any design reaches. */
  readonly best: number;
  readonly bestPoint: Point;
  /** Of the point's, with its other objectives no worse; 0 without a point. */
  readonly here: number;
}

export interface ShadowOptions {
  /** A design in particular. */
  readonly point?: Point;
  readonly widened?: number;
  /** Points looked at for each limit, at most. */
  readonly evaluations?: number;
}

/** Of each limit alone, all others as they are; none without a front. */
export function shadowPrices(
  plain: View,
  front: readonly Point[],
  { point, widened = 0.1, evaluations = 5000 }: ShadowOptions = {},
): ShadowPrice[] {
  const view = remembering(plain);
  const start = point === undefined ? front : [point, ...front];
  // What the same search finds within the limits is no gain of widening them.
  const within = frontOf(view, start, evaluations, {});
  if (within.length === 0) return [];
  const known = within.map((each) => each.point);
  return view.limits.map((limit) => {
    const wider = frontOf(view, known, evaluations, { [limit]: widened });
    const gains = view.objectives.map((objective, i): Gain => {
      const best = bestOf(wider, i);
      const gain = changeOf(bestOf(within, i).objectives[i]!, best.objectives[i]!);
      const here = point === undefined ? 0 : gainAt(view, point, i, within, wider);
      return { objective, best: gain, bestPoint: best.point, here };
    });
    return { limit, widened, binds: gains.some(({ best, here }) => best > 0 || here > 0), gains };
  });
}

function frontOf(
  view: View,
  start: readonly Point[],
  evaluations: number,
  allowance: Allowance,
): readonly Found[] {
  const problem = problemOf(view, allowance);
  return runSearch(localSearch(problem, start, { evaluations }), problem.evaluate).front;
}

const bestOf = (front: readonly Found[], i: number): Found =>
  front.reduce((best, each) => (each.objectives[i]! > best.objectives[i]! ? each : best));

/** Beyond what designs within the limits have at the point's other objectives. */
function gainAt(
  view: View,
  point: Point,
  i: number,
  within: readonly Found[],
  wider: readonly Found[],
): number {
  const look = view.look(point);
  if ('misfit' in look) return 0;
  const floor = look.objectives.with(i, -Infinity);
  const reach = (front: readonly Found[]): number =>
    front
      .filter(({ objectives }) => covers(objectives, floor))
      .reduce((most, { objectives }) => Math.max(most, objectives[i]!), look.objectives[i]!);
  return changeOf(reach(within), reach(wider));
}
