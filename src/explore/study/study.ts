/**
 * Study: a search over a grid, kept as it goes. It knows points, and JSON about them; what they mean, the
 * axes and the metrics, it is told by name.
 */
import type { Outcome, Point } from '../search/problem.ts';

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

export interface StudyAxis {
  readonly name: string;
  readonly values: readonly Json[];
}

export interface StudyObjective {
  /** The name of a metric. */
  readonly metric: string;
  readonly want: 'most' | 'least';
}

/** All that decides what a study finds. Two studies of equal definitions have equal results. */
export interface StudyDefinition {
  /** What evaluates: its version, and its commit where it is known. */
  readonly celadon: { readonly version: string; readonly commit: string | null };
  readonly axes: readonly StudyAxis[];
  readonly objectives: readonly StudyObjective[];
  /** By name: models, workloads, limits, seed, search, … */
  readonly inputs: Readonly<Record<string, Json>>;
}

/** What a study keeps of a point; more than these names may be in it, and is kept too. */
export interface PointEvaluation {
  readonly metrics?: Readonly<Record<string, number | null>>;
  /** Why the point cannot serve at all. */
  readonly misfit?: string;
  /** By how much it breaks limits that only an evaluation can tell; 0 or absent when it keeps all. */
  readonly violation?: number;
  readonly [more: string]: Json | undefined;
}

export interface StoredPoint {
  readonly point: Point;
  readonly evaluation: PointEvaluation;
}

/** What the search is told; a point without one of the objectives cannot be ranked, and does not serve. */
export function outcomeOf(
  objectives: readonly StudyObjective[],
  { metrics, misfit, violation = 0 }: PointEvaluation,
): Outcome {
  const values = objectives.map(({ metric, want }) => {
    const value = metrics?.[metric] ?? NaN;
    return want === 'most' ? value : -value;
  });
  const serves = misfit === undefined && values.every(Number.isFinite);
  return { objectives: serves ? values : undefined, violation };
}

/** The values of a point by the names of their axes. */
export function designOf(axes: readonly StudyAxis[], point: Point): Record<string, Json> {
  return Object.fromEntries(axes.map(({ name, values }, i) => [name, values[point[i]!] ?? null]));
}

/** A point as text: what it is known by in files. */
export function keyOf(point: Point): string {
  return point.join(',');
}

export function pointOf(key: string): number[] {
  return key === '' ? [] : key.split(',').map(Number);
}
