/** How a point is evaluated, as evaluators are given it. */
import type { Point } from '../search/problem.ts';
import { keyOf, type StudyDefinition, type PointEvaluation } from './study.ts';

export type EvaluatePoint = (point: Point) => PointEvaluation | Promise<PointEvaluation>;

/** A function of its definition alone, so that any process can make it. */
export type CreateEvaluate = (
  definition: StudyDefinition,
) => EvaluatePoint | Promise<EvaluatePoint>;

/** What a thread's module exports. */
export interface EvaluateModule {
  readonly createEvaluate: CreateEvaluate;
}

/** Evaluates in turn, and lets timers and messages through after each point. */
export async function evaluateInTurn(
  evaluate: EvaluatePoint,
  points: readonly Point[],
): Promise<PointEvaluation[]> {
  const evaluations: PointEvaluation[] = [];
  for (const point of points) {
    evaluations.push(await evaluateOne(evaluate, point));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return evaluations;
}

async function evaluateOne(evaluate: EvaluatePoint, point: Point): Promise<PointEvaluation> {
  try {
    return await evaluate(point);
  } catch (error) {
    throw new Error(`point ${keyOf(point)}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
