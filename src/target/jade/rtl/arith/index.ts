/** The leaf arithmetic of Jade's silicon. */
export * from './dot.ts';
export * from './float.ts';
export * from './pipeline.ts';
export * from './shift.ts';
