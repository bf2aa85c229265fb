/**
 * Problem: a grid and what is wanted of its points. Searches know neither chips nor models.
 *
 * A point is an index on each axis. Objectives are all maximised and finite; what is wanted small is
 * given negated.
 */
import { UsageError } from '../../base/index.ts';

export type Point = readonly number[];

/** What is known of a grid before anything is evaluated. */
export interface Grid {
  /** Values of each axis. */
  readonly sizes: readonly number[];
  /** Limits alone, which cost next to nothing: by how much a point breaks them; 0 when it keeps all. */
  violation(point: Point): number;
  /** Objectives that the point cannot exceed, from closed forms; undefined where there is no bound. */
  bound?(point: Point): readonly number[] | undefined;
}

/** What evaluating a point showed. */
export interface Outcome {
  /** Undefined where the point cannot serve at all. */
  readonly objectives: readonly number[] | undefined;
  /** Of limits that only an evaluation can tell, as of power and latency; 0 when it keeps all. */
  readonly violation: number;
}

export interface Problem extends Grid {
  evaluate(point: Point): Outcome;
}

/** A point with its objectives. */
export interface Found {
  readonly point: Point;
  readonly objectives: readonly number[];
}

export interface SearchResult {
  /** Points that keep all limits and that none dominates, in lexicographic order of their indices. */
  readonly front: readonly Found[];
  /** Points that were evaluated, that limits ruled out before, and that bounds did; each once. */
  readonly evaluations: number;
  readonly overLimits: number;
  readonly bounded: number;
  /** All points of the grid are in these three counts: no point is missing from the front. */
  readonly proven: boolean;
  /** Where the front is empty: the point that breaks the limits least, if any was found. */
  readonly nearest: { readonly point: Point; readonly violation: number } | undefined;
}

/** Points to evaluate next, in any order and anywhere; none was in a batch before. */
export interface Batch {
  readonly points: readonly Point[];
  /** Points that may come in later batches, at most. */
  readonly left: number;
}

/**
 * A search asks with batches and is told their outcomes, in the order of the batch. It is a function of
 * its grid, its options and the outcomes, so one that was interrupted is where it was once it has been
 * told again what is known.
 */
export type Search = Generator<Batch, SearchResult, readonly Outcome[]>;

/** Runs a search to its end, here and now. */
export function runSearch(search: Search, evaluate: (point: Point) => Outcome): SearchResult {
  let step = search.next([]);
  while (step.done !== true) step = search.next(step.value.points.map(evaluate));
  return step.value;
}

/** Points of a grid; throws UsageError where they could not be counted exactly. */
export function gridSize(sizes: readonly number[]): number {
  const size = sizes.reduce((product, values) => product * values, 1);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new UsageError(`a grid must have 1 to 2^53 - 1 points, not ${sizes.join(' × ')}`);
}

/** Place of a point in lexicographic order. */
export function rankOf(sizes: readonly number[], point: Point): number {
  let rank = 0;
  for (let axis = 0; axis < sizes.length; axis++) rank = rank * sizes[axis]! + point[axis]!;
  return rank;
}

/** The inverse of `rankOf`. */
export function pointAt(sizes: readonly number[], rank: number): number[] {
  const point = new Array<number>(sizes.length);
  for (let axis = sizes.length - 1, rest = rank; axis >= 0; axis--) {
    point[axis] = rest % sizes[axis]!;
    rest = Math.floor(rest / sizes[axis]!);
  }
  return point;
}
