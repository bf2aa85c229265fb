/** Floor 5: what the chips and the software of others make of a model. */
export * from './check.ts';
export * from './checkOwnChip.ts';
export * from './checkPage.ts';
export { modelFacts, type ModelFacts, type ModelInput } from './facts.ts';
export type { Finding, FindingStatus } from './finding.ts';
export { memoryUse, USABLE_SHARE, weightBytes, type Demand, type MemoryUse } from './memory.ts';
export {
  PRECISION_NAMES,
  PRECISIONS,
  PUBLISHED,
  type Formats,
  type PrecisionName,
  type WeightFormat,
} from './precision.ts';
