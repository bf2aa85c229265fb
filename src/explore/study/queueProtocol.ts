/** What a coordinator and its workers say to each other over Redis: data, never code. */
import type { Point } from '../search/problem.ts';
import type { PointEvaluation, StudyDefinition } from './study.ts';

/** A portion of a study's points. */
export interface PortionJob {
  /** Under which the definition is kept. */
  readonly study: string;
  readonly points: readonly Point[];
}

export type PortionResult = readonly PointEvaluation[];

/** All keys in Redis begin with it. */
export const KEY_PREFIX = 'celadon';

/** Workers take jobs of their own version alone, as another's evaluations might differ. */
export function queueName({ version, commit }: StudyDefinition['celadon']): string {
  return `explore-${version}-${commit ?? 'unknown'}`;
}

export function definitionKey(study: string): string {
  return `${KEY_PREFIX}:definition:${study}`;
}
