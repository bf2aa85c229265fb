/** What runs on a thread of `threadEvaluator`. */
import { workerData } from 'piscina';
import type { Point } from '../search/problem.ts';
import { evaluateInTurn, type EvaluateModule } from './evaluate.ts';
import type { StudyDefinition, PointEvaluation } from './study.ts';

export interface ThreadData {
  /** URL of an EvaluateModule. */
  readonly module: string;
  readonly definition: StudyDefinition;
}

const { module, definition } = workerData as ThreadData;
const { createEvaluate } = (await import(module)) as EvaluateModule;
const evaluate = await createEvaluate(definition);

export default function evaluatePoints(points: readonly Point[]): Promise<PointEvaluation[]> {
  return evaluateInTurn(evaluate, points);
}
