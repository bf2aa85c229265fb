/** Floor 1: the tensor-level IR. */
export * from './graph.ts';
export * from './numerics.ts';
export * from './ops.table.ts';
export * from './types.ts';
