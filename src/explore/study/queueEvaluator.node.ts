/** Evaluators on other machines: portions of points as jobs of BullMQ. */
import type { JobsOptions } from 'bullmq';
import { CeladonError } from '../../base/index.ts';
import { connectQueue, loadQueuePackages } from './queueConnection.node.ts';
import { definitionKey, KEY_PREFIX, queueName } from './queueProtocol.ts';
import type { PortionJob, PortionResult } from './queueProtocol.ts';
import type { Evaluator } from './runStudy.ts';
import type { Json, StudyDefinition } from './study.ts';
import { studyId } from './studyId.node.ts';

export interface QueueEvaluator extends Evaluator {
  /** Workers of this version that are there now. */
  countWorkers(): Promise<number>;
}

export interface QueueOptions {
  readonly portion?: number;
  /** Portions that wait or are at work at once: some for each worker that may come. */
  readonly lanes?: number;
}

/** Results that nobody fetched, as of a coordinator that was killed, go after an hour. */
const JOB: JobsOptions = { removeOnComplete: { age: 3600 }, removeOnFail: { age: 3600 } };

/** Evaluates on whatever workers there are, now or later. Throws UsageError where the server does not answer. */
export async function queueEvaluator(
  url: string,
  definition: StudyDefinition,
  { portion = 64, lanes = 64 }: QueueOptions = {},
): Promise<QueueEvaluator> {
  const { Queue, QueueEvents } = await loadQueuePackages();
  const [connection, listening] = await Promise.all([connectQueue(url), connectQueue(url)]);
  const study = studyId(definition);
  await connection.set(definitionKey(study), JSON.stringify(definition as unknown as Json));
  const name = queueName(definition.celadon);
  const queue = new Queue<PortionJob, PortionResult>(name, { connection, prefix: KEY_PREFIX });
  const events = new QueueEvents(name, { connection: listening, prefix: KEY_PREFIX });
  // The connections try again by themselves.
  queue.on('error', () => {});
  events.on('error', () => {});
  events.setMaxListeners(0);
  await events.waitUntilReady();
  return {
    portion,
    lanes,
    evaluate: async (points) => {
      const job = await queue.add('portion', { study, points }, JOB);
      try {
        return await job.waitUntilFinished(events);
      } catch (error) {
        throw new CeladonError(error instanceof Error ? error.message : `${error}`, {
          where: `a worker of the queue ${name}`,
        });
      } finally {
        await job.remove().catch(() => {}); // one that a lost worker still holds goes when its lock does
      }
    },
    countWorkers: () => queue.getWorkersCount(),
    close: async () => {
      await Promise.all([queue.close(), events.close()]);
      for (const each of [connection, listening]) each.disconnect();
    },
  };
}
