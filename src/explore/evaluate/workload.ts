/** Workload: requests of one kind to one model, of which as many run at once as serve best. */
import type { ModelConfig } from '../../model/index.ts';

export interface Workload {
  readonly name: string;
  readonly model: ModelConfig;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Share of tokens drafted by the model's own head that are right, 0 to 1; undefined: nothing is drafted. */
  readonly acceptance?: number | undefined;
  /** Share of the tokens written that are of this workload; those of all workloads sum to 1. */
  readonly weight: number;
  /** Milliseconds between tokens that batches must keep; undefined: the batch that writes most. */
  readonly mostTpotMs?: number | undefined;
  /** Sequences of a replica at most; undefined for as many as fit. */
  readonly mostSequences?: number | undefined;
}

/** Whole blocks of context: programs are compiled for these. */
const CONTEXT_STEP = 32;

/** Tokens that the state of a sequence has room for. */
export function contextTokens({ inputTokens, outputTokens }: Workload): number {
  return wholeSteps(inputTokens + outputTokens);
}

/** Tokens of context in the middle of writing. */
export function writingContext({ inputTokens, outputTokens }: Workload): number {
  return wholeSteps(inputTokens + outputTokens / 2);
}

/** Mean tokens of context of the chunks of a prompt. */
export function readingContext({ inputTokens }: Workload, chunk: number): number {
  return wholeSteps(Math.max(chunk, (inputTokens + chunk) / 2));
}

function wholeSteps(tokens: number): number {
  return Math.ceil(tokens / CONTEXT_STEP) * CONTEXT_STEP;
}
