/**
 * Evaluation: how well a model predicts given tokens, each from those before it (teacher forcing).
 *
 *   negative log-likelihood = −Σ ln softmax(logits_t)[token_(t+1)]      perplexity = exp(nll / tokens)
 *
 * Documents are independent: the first token of each is given, not predicted. Memory is bounded by
 * one step, whatever the length.
 */
import { UsageError } from '../base/index.ts';
import type { ModelRunner, Step } from './modelRunner.ts';
import { addStep, NO_TOTALS, type PhaseTotals } from './phaseTotals.ts';

export interface Evaluation {
  readonly documents: number;
  /** Predicted tokens: one less than there are in each document. */
  readonly tokens: number;
  /** Sum over all predicted tokens, in nats. */
  readonly negativeLogLikelihood: number;
  readonly perplexity: number;
  readonly totals: PhaseTotals;
}

/** A step of one document: logits (count, V) for its tokens from `step.position` on. */
export interface EvaluationEvent {
  readonly document: number;
  readonly step: Step;
}

/**
 * Evaluates `documents` with a runner whose graph gives logits of all tokens; yields after each step.
 * Throws UsageError when there is no token to predict, CapacityError for a document beyond the context.
 */
export function* evaluate(
  runner: ModelRunner,
  documents: readonly (readonly number[])[],
): Generator<EvaluationEvent, Evaluation> {
  const tokens = documents.reduce((sum, { length }) => sum + Math.max(0, length - 1), 0);
  if (tokens === 0) {
    throw new UsageError('there must be at least two tokens, one to predict the next from', {
      hint: 'give more text',
    });
  }
  let totals: PhaseTotals = NO_TOTALS;
  let nll = 0;
  for (const [document, ids] of documents.entries()) {
    runner.reset();
    for (const step of runner.feed(ids)) {
      nll += stepLogLoss(step, ids, runner.vocabularySize);
      totals = addStep(totals, step);
      yield { document, step };
    }
  }
  const perplexity = Math.exp(nll / tokens);
  return { documents: documents.length, tokens, negativeLogLikelihood: nll, perplexity, totals };
}

function stepLogLoss({ position, count, logits }: Step, ids: readonly number[], V: number): number {
  let sum = 0;
  for (let row = 0; row < count; row++) {
    const target = ids[position + row + 1];
    if (target !== undefined) sum += logLoss(logits.subarray(row * V, (row + 1) * V), target);
  }
  return sum;
}

/** −ln softmax(logits)[target], in f64. */
export function logLoss(logits: Float32Array, target: number): number {
  let max = -Infinity;
  for (const logit of logits) max = Math.max(max, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return max + Math.log(sum) - logits[target]!;
}
