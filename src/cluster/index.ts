/** Floor 4: models on many chips: layouts, collectives, memory, serving, training. */
export * from './collectives.ts';
export * from './layout.ts';
export * from './memory.ts';
export * from './requests.ts';
export * from './search.ts';
export * from './servedModel.ts';
export * from './serving.ts';
export * from './simulate.ts';
export * from './simulateSplit.ts';
export * from './split.ts';
export * from './step.ts';
export * from './training.ts';
export * from './trainingSearch.ts';
