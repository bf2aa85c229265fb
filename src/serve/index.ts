/** Floor 6: the OpenAI API over HTTP, on any engine. */
export { EngineLoop } from './engineLoop.ts';
export * from './limits.ts';
export { LongTexts } from './longTexts.node.ts';
export { Metrics } from './metrics.ts';
export { Retrieval, type RetrievalRunners } from './retrieval.ts';
export * from './server.node.ts';
export type { Service } from './service.ts';
