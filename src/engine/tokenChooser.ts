/** Choosing the tokens of a request: by its sampling, within its constraint, with the logprobs it asks for. */
import { CeladonError } from '../base/index.ts';
import { logprobOf, topLogprobs } from './logprobs.ts';
import type { EngineRequest, TokenLogprob } from './request.ts';
import { Sampler } from './sampler.ts';
import { GREEDY } from './samplingOptions.ts';

/** A token, and what was asked to be told of it. */
export interface Choice {
  readonly token: number;
  readonly logprob?: number;
  readonly top?: readonly TokenLogprob[];
}

/** Chooses the tokens of one request, one after another. */
export class TokenChooser {
  readonly #request: EngineRequest;
  readonly #sampler: Sampler;

  /** Throws UsageError for sampling options out of range. */
  constructor(request: EngineRequest) {
    this.#request = request;
    const { sampling = GREEDY, prompt, constraint } = request;
    this.#sampler = new Sampler(sampling, { prompt, constraint });
  }

  /**
   * The next token, by a row of logits whose largest is at `greedy`. Throws CeladonError for logits that are
   * no finite numbers, and where the constraint allows no token.
   */
  choose(logits: Float32Array, greedy: number): Choice {
    requireNumbers(logits);
    const { logprobs } = this.#request;
    const token = this.#sampler.next(logits, greedy);
    return { token, ...(logprobs !== undefined && reported(logits, token, logprobs)) };
  }
}

/** Weights are finite, but sums of absurd ones need not be; no token can be chosen from such logits. */
function requireNumbers(logits: Float32Array): void {
  const bad = logits.findIndex((logit) => !Number.isFinite(logit));
  if (bad < 0) return;
  throw new CeladonError(`logits must be finite numbers, not ${logits[bad]}`, {
    where: `token ${bad} of the vocabulary`,
    hint: 'check that config.json and the weights belong to the same model',
  });
}

function reported(logits: Float32Array, token: number, count: number): Omit<Choice, 'token'> {
  return { logprob: logprobOf(logits, token), top: topLogprobs(logits, count) };
}
