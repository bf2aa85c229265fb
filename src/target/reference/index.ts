/** The reference: runs graphs in the interpreter, and judges the other targets. */
export { referenceTarget } from './target.ts';
