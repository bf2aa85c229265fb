/**
 * Problem: a grid and what is wanted of its points. Searches know neither chips nor models.
 *
 * A point is an index on each axis. Objectives are all maximised; what is wanted small is given negated.
 */
export interface Problem {
  /** Values of each axis. */
  readonly sizes: readonly number[];
  /** Limits alone, which cost next to nothing: by how much a point breaks them; 0 when it keeps all. */
  violation(point: readonly number[]): number;
  /** Objectives that the point cannot exceed, from closed forms; undefined where there is no bound. */
  bound?(point: readonly number[]): readonly number[] | undefined;
  /** Undefined where the point cannot serve at all. */
  evaluate(point: readonly number[]): readonly number[] | undefined;
}

/** A point with its objectives. */
export interface Found {
  readonly point: readonly number[];
  readonly objectives: readonly number[];
}

export interface SearchResult {
  /** Points that none dominates, in lexicographic order of their indices. */
  readonly front: readonly Found[];
  /** Points whose objectives were computed, that limits ruled out, and that bounds did. */
  readonly evaluations: number;
  readonly overLimits: number;
  readonly bounded: number;
}
