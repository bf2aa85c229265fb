/** Floor 4: models on many chips: layouts, collectives, memory, serving, training. */
export * from './collectives.ts';
export * from './layout.ts';
export * from './memory.ts';
export * from './servedModel.ts';
