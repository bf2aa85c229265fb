/** Studies: searches as files, on one machine or several. */
export * from './differences.ts';
export * from './evaluate.ts';
export * from './localEvaluators.node.ts';
export * from './runStudy.ts';
export * from './study.ts';
export * from './studyStore.node.ts';
export { type QueueEvaluator, type QueueOptions, queueEvaluator } from './queueEvaluator.node.ts';
export { runQueueWorker, type WorkerOptions } from './queueWorker.node.ts';
export * from './compareStudies.ts';
export * from './exports.ts';
export { frontOf, type ReadableStudy } from './sheet.ts';
export * from './studyPage.ts';
export { findCommit } from './commit.node.ts';
