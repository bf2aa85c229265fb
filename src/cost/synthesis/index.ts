/** Synthesis: modules as cells of a library, from Liberty files that a user has. */
export { readLibrary, type Cell, type CellLibrary } from './cellLibrary.ts';
export { readLiberty } from './libertyFolder.node.ts';
export { measureCells, rounded, type CellMeasures } from './measureCells.ts';
export type { NetlistJson, Synthesised } from './netlistJson.ts';
export { RECIPE, synthesise } from './synthesise.node.ts';
export { findYosys } from './yosys.node.ts';
