/** Sensitivity: what becomes of a front when an assumption is at its low or its high end. */
import { dominates } from '../search/front.ts';
import type { Point } from '../search/problem.ts';
import type { Range } from '../range.ts';
import { changeOf } from './neighbourTable.ts';

/** An input that is not known for certain. */
export interface Uncertain extends Range {
  readonly name: string;
}

/** Objectives of a point with one input at another value; undefined where it then cannot serve. */
export type Assumed = (point: Point, name: string, value: number) => readonly number[] | undefined;

export interface Sensitivity {
  readonly name: string;
  readonly low: EndOfRange;
  readonly high: EndOfRange;
  /** Objectives of which another design is the best at either end. */
  readonly changesBestOf: readonly string[];
}

export interface EndOfRange {
  readonly value: number;
  /** Mean over the front of each objective's change, as a share of what it is at the likely value. */
  readonly changes: readonly number[];
  /** Points of the front that others of it dominate here, or that cannot serve. */
  readonly leaving: readonly Point[];
  /**
   * Kendall's rank correlation with the likely value, of each objective: 1 where the order stays, −1
   * where it turns around. Pairs that are equal in either order count for neither side.
   */
  readonly rankCorrelations: readonly number[];
}

type Objectives = readonly number[] | undefined;

/** One for each input, those that move the objectives most first. Points that cannot serve are left out. */
export function sensitivities(
  inputs: readonly Uncertain[],
  objectives: readonly string[],
  front: readonly Point[],
  assumed: Assumed,
): Sensitivity[] {
  const all = inputs.map(({ name, low, value, high }) => {
    const at = (end: number): Objectives[] => front.map((point) => assumed(point, name, end));
    const [likely, lows, highs] = [at(value), at(low), at(high)];
    return {
      name,
      low: endOf(low, front, likely, lows),
      high: endOf(high, front, likely, highs),
      changesBestOf: objectives.filter((_, i) =>
        [lows, highs].some((ends) => bestAt(ends, i) !== bestAt(likely, i)),
      ),
    };
  });
  return all.toSorted((a, b) => swing(b) - swing(a));
}

const swing = ({ low, high }: Sensitivity): number =>
  Math.max(...[...low.changes, ...high.changes].map(Math.abs), 0);

function endOf(
  value: number,
  front: readonly Point[],
  likely: readonly Objectives[],
  ends: readonly Objectives[],
): EndOfRange {
  const pairs = likely.flatMap((before, index) => {
    const after = ends[index];
    return before === undefined || after === undefined ? [] : [[before, after] as const];
  });
  const dimensions = pairs[0]?.[0].length ?? 0;
  const each = Array.from({ length: dimensions }, (_, i) => i);
  return {
    value,
    changes: each.map((i) => mean(pairs.map(([before, after]) => changeOf(before[i]!, after[i]!)))),
    leaving: front.filter((_, index) => leaves(ends, index)),
    rankCorrelations: each.map((i) =>
      rankCorrelation(pairs.map(([before, after]) => [before[i]!, after[i]!])),
    ),
  };
}

function leaves(ends: readonly Objectives[], index: number): boolean {
  const own = ends[index];
  return own === undefined || ends.some((other) => other !== undefined && dominates(other, own));
}

/** Which is the best; the first of equals. */
function bestAt(ends: readonly Objectives[], i: number): number {
  const values = ends.map((each) => each?.[i] ?? -Infinity);
  return values.indexOf(Math.max(...values));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Kendall's tau, in O(n²): fronts are small. 1 where no pair differs in both orders. */
function rankCorrelation(pairs: readonly (readonly [number, number])[]): number {
  let [same, turned] = [0, 0];
  for (const [index, a] of pairs.entries()) {
    for (const b of pairs.slice(index + 1)) {
      const sign = Math.sign(a[0] - b[0]) * Math.sign(a[1] - b[1]);
      if (sign > 0) same++;
      if (sign < 0) turned++;
    }
  }
  return same + turned === 0 ? 1 : (same - turned) / (same + turned);
}
