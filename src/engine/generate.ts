/** Generation: a prompt in, tokens out, one at a time. */
import type { ModelRunner, Step } from './modelRunner.ts';
import { addStep, NO_TOTALS, type PhaseTotals } from './phaseTotals.ts';
import type { TokenConstraint } from './request.ts';
import { requireRequest } from './requireTokens.ts';
import { Sampler } from './sampler.ts';
import { GREEDY, type SamplingOptions } from './samplingOptions.ts';

export interface GenerateOptions {
  /** The most tokens to generate. */
  readonly maxNewTokens: number;
  /** Tokens that end the text; the one that did is the last generated. */
  readonly eosTokenIds?: readonly number[];
  /** Greedy when absent. */
  readonly sampling?: SamplingOptions;
  readonly constraint?: TokenConstraint;
}

/** `stop` at an end token, `length` after maxNewTokens, `context` when the context is full. */
export type FinishReason = 'stop' | 'length' | 'context';

export interface Generation {
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  readonly prefill: PhaseTotals;
  readonly decode: PhaseTotals;
}

/** After each step: prompt tokens fed so far, or the token that was generated, with its logits, which are valid until the next event. */
export type GenerationEvent =
  | { readonly kind: 'prompt'; readonly step: Step }
  | { readonly kind: 'token'; readonly token: number; readonly step: Step };

/**
 * Feeds `prompt` to a fresh or reset runner, then generates. Yields after every step, so that a
 * caller can show progress or stop. Throws UsageError for an empty prompt or a token id that the
 * model does not have, CapacityError when the prompt is longer than the context.
 */
export function* generate(
  runner: ModelRunner,
  prompt: readonly number[],
  { maxNewTokens, eosTokenIds = [], sampling = GREEDY, constraint }: GenerateOptions,
): Generator<GenerationEvent, Generation> {
  requireRequest(runner, prompt, maxNewTokens);
  const sampler = new Sampler(sampling, { prompt, constraint });
  const tokens: number[] = [];
  const done = (finishReason: FinishReason): Generation => ({
    tokens,
    finishReason,
    prefill,
    decode,
  });

  let [prefill, decode] = [NO_TOTALS, NO_TOTALS];
  let last: Step | undefined;
  for (const step of runner.feed(prompt)) {
    prefill = addStep(prefill, step);
    last = step;
    yield { kind: 'prompt', step };
  }
  for (;;) {
    if (tokens.length === maxNewTokens) return done('length');
    const token = chooseToken(sampler, last!, runner.vocabularySize);
    tokens.push(token);
    yield { kind: 'token', token, step: last! };
    if (eosTokenIds.includes(token)) return done('stop');
    if (tokens.length === maxNewTokens) return done('length');
    if (!runner.canFeed(1)) return done('context');
    [last] = runner.feed([token]);
    decode = addStep(decode, last!);
  }
}

function chooseToken(sampler: Sampler, { logits, next }: Step, vocabularySize: number): number {
  return sampler.next(logits.subarray(-vocabularySize), next.at(-1)!);
}
