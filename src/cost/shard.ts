/** What one rank of a layout does of a step, and what a kernel needs of it. */
import type { Dims } from '../ir/index.ts';

/** What one rank does of a step. */
export interface Shard {
  /** Ranks that divide attention and dense products. */
  readonly tensor: number;
  /** Ranks that divide the experts among them, and ranks that divide each expert. */
  readonly expert: number;
  readonly expertTensor: number;
  /** Sequences of the rank, new tokens of each, tokens of context. */
  readonly dims: Dims;
  /** Tokens of the step in all ranks that share the experts. */
  readonly expertTokens: number;
  /** Rows of the rank with most of them, over those that uniform choices would give it. */
  readonly skew: number;
}

/** What a kernel needs of a rank. */
export interface Need {
  readonly arithmeticSeconds: number;
  readonly bytes: number;
  /** Of kernels beside it, behind which nothing hides. */
  readonly besideBytes: number;
}
