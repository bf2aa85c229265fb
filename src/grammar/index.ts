/** Floor 1: what a text may be like, and which tokens may therefore come next. */
export { Grammar, type GrammarConstraint } from './constraint.ts';
export { textsOf, type Form } from './form.ts';
export { Vocabulary } from './vocabulary.ts';
