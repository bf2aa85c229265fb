/** Floor 6: chips beside each other. */
export * from './compare.ts';
export * from './comparePage.ts';
export * from './openQuestions.ts';
export type { ParityWorkload } from './outlook.ts';
export * from './parity.ts';
export * from './parityPage.ts';
export * from './plot.ts';
export * from './range.ts';
export * from './codesign/knobs.table.ts';
export * from './codesign/pairs.ts';
export * from './codesign/perplexity.ts';
export * from './codesign/variants.ts';
export * from './explain/nearestFeasible.ts';
export * from './explain/neighbourTable.ts';
export * from './explain/sensitivity.ts';
export * from './explain/shadowPrices.ts';
export {
  problemOf,
  remembering,
  type Axis,
  type Excess,
  type Look,
  type View,
} from './explain/view.ts';
export * from './search/exhaustive.ts';
export * from './search/front.ts';
export * from './search/genetic.ts';
export * from './search/hypervolume.ts';
export { localSearch } from './search/local.ts';
export * from './search/problem.ts';
export { randomSearch } from './search/random.ts';
export * from './study/index.ts';
export { defineChipStudy, type ChipStudyRequest } from './chipStudy/define.node.ts';
export { explainDesign, type Explanation } from './chipStudy/explain.node.ts';
export * from './chipStudy/explore.node.ts';
export { roofsOf } from './chipStudy/roofs.ts';
export { SEARCHES, type SearchName, type StudiedModel } from './chipStudy/inputs.ts';
export type { Design, System } from './space/design.ts';
export { chipView } from './chipStudy/chipView.ts';
export * from './chipStudy/references.ts';
export { layerGraphs, type LayerProgram } from './verify/layers.ts';
export { verifyLevels, type LevelReport, type LevelRow } from './verify/levels.ts';
export { runLevelOne, type LevelOneReport, type LevelOneRow } from './verify/levelOne.ts';
export { modelOnRtl, type ModelReport, type ModelSession } from './verify/modelOnRtl.ts';
export { RTL_DEFAULTS, verifyRtl, type RtlOptions, type RtlReport } from './verify/rtl.ts';
export { verifyArea, type ChipAreaReport, type UnitRow } from './verify/area.ts';
export {
  verifyTop,
  type ChipVerification,
  type Corrections,
  type TopListener,
  type TopOptions,
  type TopReport,
} from './verify/top.ts';
export { topTables, verificationText } from './verify/topRows.ts';
