/** Jade: our accelerator. */
export { jadeNumerics } from './arith/index.ts';
export type { JadeDevice } from './device.ts';
export type { JadeProgram } from './emit/program.ts';
export { limitOf, type Limit, type RunStats } from './sim/index.ts';
export { jadePasses, jadeTarget, JadeTarget, type JadeOptions } from './target.ts';
export { allFiles, buildBench } from './verify/bench.node.ts';
export { SessionRecorder } from './verify/record.ts';
export { verifyPrograms, type Finding, type VerifyReport } from './verify/verify.node.ts';
