/** A worker: evaluates portions of whatever studies of its own version a queue has, until told to stop. */
import type { Job } from 'bullmq';
import { CeladonError } from '../../base/index.ts';
import type { Point } from '../search/problem.ts';
import { connectQueue, loadQueuePackages } from './queueConnection.node.ts';
import { definitionKey, KEY_PREFIX, queueName } from './queueProtocol.ts';
import type { PortionJob, PortionResult } from './queueProtocol.ts';
import type { Evaluator } from './runStudy.ts';
import type { StudyDefinition } from './study.ts';

export interface WorkerOptions {
  readonly url: string;
  readonly celadon: StudyDefinition['celadon'];
  /** Made once for each study. */
  readonly openEvaluator: (definition: StudyDefinition) => Evaluator | Promise<Evaluator>;
  /** Ends the worker once what it has begun is delivered. */
  readonly signal: AbortSignal;
  /** Milliseconds without a sign of life after which another worker gets its portions. */
  readonly lostAfter?: number;
  readonly onPortion?: (points: number) => void;
}

/** Studies whose evaluators are kept; a coordinator has one. */
const MAX_STUDIES = 8;

/** Resolves once the signal has ended it. Throws UsageError where the server does not answer. */
export async function runQueueWorker(options: WorkerOptions): Promise<void> {
  const { url, celadon, signal, lostAfter = 30_000, onPortion } = options;
  const { Worker } = await loadQueuePackages();
  const connection = await connectQueue(url);
  const evaluators = new Map<string, Promise<Evaluator>>();
  const evaluatorOf = (study: string): Promise<Evaluator> => {
    const known = evaluators.get(study);
    if (known) return known;
    if (evaluators.size === MAX_STUDIES) dropOldest(evaluators);
    const opened = readDefinition(study, (key) => connection.get(key)).then(options.openEvaluator);
    opened.catch(() => evaluators.delete(study));
    evaluators.set(study, opened);
    return opened;
  };
  const work = async ({ data }: Job<PortionJob, PortionResult>): Promise<PortionResult> => {
    const evaluator = await evaluatorOf(data.study);
    const evaluations = await evaluateOnLanes(evaluator, data.points);
    onPortion?.(data.points.length);
    return evaluations;
  };
  const worker = new Worker<PortionJob, PortionResult>(queueName(celadon), work, {
    connection,
    prefix: KEY_PREFIX,
    lockDuration: lostAfter,
    stalledInterval: lostAfter / 2,
    maxStalledCount: 1_000, // a portion is never given up because workers were lost
  });
  worker.on('error', () => {}); // the connection tries again
  await untilAborted(signal);
  await worker.close();
  for (const evaluator of evaluators.values()) await (await evaluator).close();
  connection.disconnect();
}

/** The points of one job, divided among all lanes. */
async function evaluateOnLanes(
  evaluator: Evaluator,
  points: readonly Point[],
): Promise<PortionResult> {
  const share = Math.ceil(points.length / evaluator.lanes);
  const shares = Array.from({ length: Math.ceil(points.length / share) }, (_, i) =>
    evaluator.evaluate(points.slice(i * share, (i + 1) * share)),
  );
  return (await Promise.all(shares)).flat();
}

async function readDefinition(
  study: string,
  get: (key: string) => Promise<string | null>,
): Promise<StudyDefinition> {
  const text = await get(definitionKey(study));
  if (text === null)
    throw new CeladonError(`the queue must have the definition of study ${study}, and has not`);
  return JSON.parse(text) as StudyDefinition;
}

function dropOldest(evaluators: Map<string, Promise<Evaluator>>): void {
  const [study, evaluator] = evaluators.entries().next().value!;
  evaluators.delete(study);
  evaluator.then((each) => each.close()).catch(() => {});
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
