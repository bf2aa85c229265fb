/** Floor 2: descriptions of chips, ours and others. */
export * from './accelerator.ts';
export * from './catalogue.node.ts';
export * from './chip.ts';
export * from './efficiency.node.ts';
export * from './efficiency.ts';
export * from './exportRules.ts';
export * from './links.node.ts';
export * from './market.ts';
export * from './silicon.node.ts';
export * from './silicon.ts';
export * from './software.ts';
export * from './supply.ts';
export { sourceProblems, type Source } from './sourced.ts';
