/** Evaluators on this machine: in this thread, or on threads beside it. */
import { availableParallelism } from 'node:os';
import { evaluateInTurn, type EvaluatePoint } from './evaluate.ts';
import type { ThreadData } from './evaluateThread.node.ts';
import type { Evaluator } from './runStudy.ts';
import type { StudyDefinition, PointEvaluation } from './study.ts';

/** Points of a transaction and of a message: enough that neither counts, few enough to lose. */
const PORTION = 64;

/** In the calling thread. */
export function inProcessEvaluator(evaluate: EvaluatePoint, portion = PORTION): Evaluator {
  return {
    portion,
    lanes: 1,
    evaluate: (points) => evaluateInTurn(evaluate, points),
    close: async () => {},
  };
}

export interface ThreadOptions {
  /** At most; the threads of the machine where absent. */
  readonly threads?: number;
  readonly portion?: number;
}

/** On threads that load `module`, the URL of an EvaluateModule, and make their own function of the definition. */
export async function threadEvaluator(
  module: string,
  definition: StudyDefinition,
  { threads = availableParallelism(), portion = PORTION }: ThreadOptions = {},
): Promise<Evaluator> {
  const { Piscina } = await import('piscina'); // not before it is needed
  const data: ThreadData = { module, definition };
  const pool = new Piscina({
    filename: new URL('./evaluateThread.node.ts', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    workerData: data,
  });
  return {
    portion,
    lanes: 2 * threads, // one at work, and one that waits for each
    evaluate: (points) => pool.run(points) as Promise<readonly PointEvaluation[]>,
    close: () => pool.destroy(),
  };
}
