/** Floor 6: chips beside each other. */
export * from './compare.ts';
export * from './comparePage.ts';
export * from './openQuestions.ts';
export { type ParityWorkload } from './outlook.ts';
export * from './parity.ts';
export * from './parityPage.ts';
export * from './plot.ts';
export * from './range.ts';
export * from './study/index.ts';
