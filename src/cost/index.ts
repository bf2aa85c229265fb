/** Floor 3: what a model costs on a machine, before anything runs. */
export * from './inventory.ts';
export * from './machine.ts';
export * from './kernels.ts';
export { weightBehind, workOf, type Work } from './operations.ts';
export { partitionOf, type Partition, type Split } from './partition.ts';
export * from './precision.ts';
export * from './chipModel.ts';
export type { Shard } from './shard.ts';
export { largestLoad } from './experts.ts';
export * from './rank.ts';
export { tiledSeconds } from './tiles.ts';
export * from './roofline.ts';
export * from './scaleSim.ts';
export * from './systolic.ts';
export * from './area.ts';
export * from './bill.ts';
export * from './operatorSize.ts';
export * from './scaling.ts';
export * from './energy.ts';

export type { CellMeasures } from './synthesis/measureCells.ts';

/** Synthesis by Yosys, which few need and which takes a moment to load. */
export async function loadSynthesis() {
  return import('./synthesis/index.ts');
}
