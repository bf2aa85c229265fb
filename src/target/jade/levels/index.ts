/** The faster levels of the machine: closed form (L0) and tile events (L1). */
export * from './closedForm.ts';
export * from './kernelShapes.ts';
export { leastCycles, leastWork, type LeastWork } from './leastWork.ts';
export * from './tileEvents.ts';
