/** Jade: our accelerator. */
export { jadeNumerics } from './arith/index.ts';
export type { JadeDevice } from './device.ts';
export type { JadeProgram } from './emit/program.ts';
export { MAX_STEP_ROWS, planLayout, type MemoryLayout } from './layout.ts';
export * from './levels/index.ts';
export { regionsOf } from './schedule/regions.ts';
export { limitOf, type Limit, type RunStats } from './sim/index.ts';
export { jadePasses, jadeTarget, JadeTarget, type JadeOptions } from './target.ts';
export type { FastCycles, LevelCycles, LevelStep } from './levels/compareLevels.ts';
export type { Difference } from './verify/bench.node.ts';
export type { Finding, VerifyReport } from './verify/verify.node.ts';

/** What a chip is made of, which is read from its hardware. */
export async function loadSiliconBill() {
  return import('./siliconBill.ts');
}

/** The same of many chips. */
export async function loadSiliconPieces() {
  return import('./siliconPieces.ts');
}

/** The silicon and its verification, which few need and which take a moment to load. */
export async function loadVerification() {
  return import('./verify/index.ts');
}

/** One program at every level of the machine; the compiler and the simulator come with it. */
export async function loadLevelComparison() {
  return import('./levels/compareLevels.ts');
}
