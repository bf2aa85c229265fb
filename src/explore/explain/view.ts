/** View: what explanations ask of a design space. They know neither chips nor models. */
import { gridSize, rankOf, type Point, type Problem } from '../search/problem.ts';

export interface Axis {
  readonly name: string;
  readonly values: readonly (number | string)[];
}

/** A limit that a point does not keep, and by how much of the limit it is exceeded, above 0. */
export interface Excess {
  readonly limit: string;
  readonly excess: number;
}

/** What is seen of a point, whether or not it keeps the limits. */
export type Look =
  | {
      /** Maximised, one for each name of the view. */
      readonly objectives: readonly number[];
      readonly broken: readonly Excess[];
      readonly limitedBy: string;
    }
  | { readonly misfit: string };

export interface View {
  readonly axes: readonly Axis[];
  readonly objectives: readonly string[];
  readonly limits: readonly string[];
  /** Those of the limits that the point breaks and that cost nothing to know. */
  brokenBefore(point: Point): readonly Excess[];
  look(point: Point): Look;
}

/** By how much of itself each limit may be exceeded; 0 where it is not named. */
export type Allowance = Readonly<Record<string, number>>;

export const sizesOf = ({ axes }: View): number[] => axes.map(({ values }) => values.length);

/** A view that looks at each point once. */
export function remembering(view: View): View {
  const sizes = sizesOf(view);
  gridSize(sizes);
  const known = new Map<number, Look>();
  return {
    ...view,
    brokenBefore: (point) => view.brokenBefore(point),
    look(point) {
      const rank = rankOf(sizes, point);
      const look = known.get(rank) ?? view.look(point);
      known.set(rank, look);
      return look;
    },
  };
}

/** The problem of a view, with limits as wide as they are allowed to be. */
export function problemOf(view: View, allowance: Allowance = {}): Problem {
  const violation = (broken: readonly Excess[]): number =>
    broken.reduce(
      (sum, { limit, excess }) => sum + Math.max(0, excess - (allowance[limit] ?? 0)),
      0,
    );
  return {
    sizes: sizesOf(view),
    violation: (point) => violation(view.brokenBefore(point)),
    evaluate(point) {
      const look = view.look(point);
      if ('misfit' in look) return { objectives: undefined, violation: 0 };
      return { objectives: look.objectives, violation: violation(look.broken) };
    },
  };
}
