/** Floor 5: sequences of tokens on a device, whatever the target. */
export * from './complete.ts';
export * from './draftSource.ts';
export * from './engine.ts';
export type { EngineOptions } from './engineOptions.ts';
export * from './evaluate.ts';
export * from './generate.ts';
export * from './logprobs.ts';
export * from './modelRunner.ts';
export type { PhaseTotals } from './phaseTotals.ts';
export * from './predictorDrafter.ts';
export * from './programCache.ts';
export type * from './request.ts';
export * from './retrieval.ts';
export * from './requireTokens.ts';
export * from './sampler.ts';
export * from './samplingOptions.ts';
export * from './speculate.ts';
export * from './throughput.ts';
