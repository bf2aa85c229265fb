/** Floor 1: what a device did, when, and for which part of the model. */
export * from './chromeTrace.ts';
export * from './summary.ts';
export * from './trace.ts';
