// node workerProcess.ts URL
//
// A worker of the synthetic study, to be killed; ends by itself on SIGTERM. A line for each portion.

import { inProcessEvaluator, runQueueWorker } from '../../src/explore/study/index.ts';
import { createEvaluate, syntheticDefinition } from './syntheticStudy.ts';

const controller = new AbortController();
process.once('SIGTERM', () => controller.abort());
await runQueueWorker({
  url: process.argv[2]!,
  celadon: syntheticDefinition().celadon,
  openEvaluator: (definition) => inProcessEvaluator(createEvaluate(definition)),
  signal: controller.signal,
  lostAfter: 1000,
  onPortion: (points) => console.log(points),
});
