/** The numeric definition of Jade: docs/numerics.md as functions on values. */
export * from './dot.ts';
export * from './fastDot.ts';
export * from './functions.ts';
export * from './jadeNumerics.ts';
export * from './mx.ts';
export * from './powers.ts';
export * from './reduce.ts';
export * from './route.ts';
export * from './rows.ts';
export * from './streams.ts';
