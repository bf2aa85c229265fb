/** Choosing the tokens of a request: by its sampling, within its constraint, with the logprobs it asks for. */
import { CeladonError } from '../base/index.ts';
import type { EngineRequest, TokenLogprob } from './request.ts';
import { GREEDY, Sampler } from './sampler.ts';

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
    this.#sampler = new Sampler(request.sampling ?? GREEDY);
  }

  /**
   * The next token, by a row of logits whose largest is at `greedy`. Throws CeladonError for logits that are
   * no finite numbers, and where the constraint allows no token.
   */
  choose(logits: Float32Array, greedy: number): Choice {
    requireNumbers(logits);
    const { constraint, logprobs } = this.#request;
    const allowed = constraint === undefined ? logits : this.#restricted(logits);
    const token = this.#sampler.next(allowed, allowed === logits ? greedy : largestOf(allowed));
    constraint?.accept(token);
    return { token, ...(logprobs !== undefined && logprobsOf(logits, token, logprobs)) };
  }

  #restricted(logits: Float32Array): Float32Array {
    const allowed = new Uint8Array(logits.length).fill(1);
    this.#request.constraint!.restrict(allowed);
    if (allowed.includes(1))
      return logits.map((logit, i) => (allowed[i] === 1 ? logit : -Infinity));
    throw new CeladonError('a constraint must allow at least one token, not none', {
      where: `request ${this.#request.id}`,
      hint: 'check that the grammar fits the vocabulary of the model',
    });
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

function largestOf(logits: Float32Array): number {
  return logits.reduce((best, logit, i) => (logit > logits[best]! ? i : best), 0);
}

/** ln softmax of a token and of the likeliest, in f64; the first of equals first. */
function logprobsOf(logits: Float32Array, token: number, count: number): Omit<Choice, 'token'> {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0);
  const logprobOf = (index: number): number => logits[index]! - max - Math.log(sum);
  const likeliest = [...logits.keys()]
    .toSorted((a, b) => logits[b]! - logits[a]! || a - b)
    .slice(0, count);
  const top = likeliest.map((index) => ({ token: index, logprob: logprobOf(index) }));
  return { logprob: logprobOf(token), top };
}
