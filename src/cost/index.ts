/** Floor 3: what a model costs on a machine, before anything runs. */
export * from './inventory.ts';
export * from './machine.ts';
export { weightBehind, workOf, type Work } from './operations.ts';
export * from './roofline.ts';
export * from './scaleSim.ts';
export * from './systolic.ts';
export * from './area.ts';
export * from './bill.ts';
export * from './operatorSize.ts';
export * from './scaling.ts';
export * from './energy.ts';
