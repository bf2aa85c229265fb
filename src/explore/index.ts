/** Floor 6: chips beside each other. */
export * from './compare.ts';
export * from './comparePage.ts';
export * from './openQuestions.ts';
export { type ParityWorkload } from './outlook.ts';
export * from './parity.ts';
export * from './parityPage.ts';
export * from './plot.ts';
export * from './range.ts';
export * from './codesign/knobs.table.ts';
export * from './codesign/perplexity.ts';
export * from './codesign/variants.ts';
export { layerGraphs, type LayerProgram } from './verify/layers.ts';
export { verifyLevels, type LevelReport, type LevelRow } from './verify/levels.ts';
export { modelOnRtl, type ModelReport, type ModelSession } from './verify/modelOnRtl.ts';
export { RTL_DEFAULTS, verifyRtl, type RtlOptions, type RtlReport } from './verify/rtl.ts';
export { verifyArea, type ChipAreaReport, type UnitRow } from './verify/area.ts';
export {
  verifyTop,
  type ChipVerification,
  type Corrections,
  type TopOptions,
  type TopReport,
} from './verify/top.ts';
export { topTables, type TextTable } from './verify/topRows.ts';
