/** Floor 1: the tensor-level IR. */
export * from './attributes.ts';
export { FAKE_FORMATS, fakeQuantize } from './fakeQuantize.ts';
export * from './float.ts';
export { LEAST_AGREEMENT } from './floatNGram.ts';
export * from './graph.ts';
export * from './interpret.ts';
export * from './mx.ts';
export { ngramRowsOf, startOfNgrams, wordsOf } from './ngram.ts';
export * from './numerics.ts';
export * from './ops.table.ts';
export * from './parse.ts';
export * from './print.ts';
export { requireContinues } from './recurrence.ts';
export * from './rewrite.ts';
export * from './rotary.ts';
export {
  hasReplacedStates,
  rowsOfTokens,
  tokensPerRow,
  type InterpreterRows,
  type InterpreterSnapshot,
} from './slotStates.ts';
export * from './storedRows.ts';
export * from './types.ts';
export * from './value.ts';
export * from './verify.ts';
