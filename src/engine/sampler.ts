/**
 * Choosing the next token from logits, in the order of vLLM [1]: what a constraint forbids is out, biases
 * are added, penalties are taken; then the largest, or: temperature divides, top-k, min-p and top-p [2, 3]
 * leave out the unlikely, and one of those left is drawn by its probability.
 *
 * Penalties: repetition [4] divides positive logits and multiplies others, for tokens in prompt or text;
 * frequency and presence [5] are subtracted, for each time and for once, for tokens in the text alone.
 *
 * The n-th draw is a function of the seed and n: it does not depend on what else is in a batch, on
 * preemption, or on whether tokens were guessed first.
 *
 * [1] https://github.com/vllm-project/vllm/blob/main/vllm/v1/sample/sampler.py
 * [2] Holtzman et al.: The Curious Case of Neural Text Degeneration, https://arxiv.org/abs/1904.09751
 * [3] Nguyen et al.: Min-p Sampling, https://arxiv.org/abs/2407.01082
 * [4] Keskar et al.: CTRL, https://arxiv.org/abs/1909.05858, section 4.1
 * [5] https://platform.openai.com/docs/api-reference/chat/create
 */
import { CeladonError, randomAt } from '../base/index.ts';
import { keepLeading } from './keepLeading.ts';
import type { TokenConstraint } from './request.ts';
import { requireSampling, type SamplingOptions } from './samplingOptions.ts';

/** The text that a sampler goes on with. */
export interface SampledText {
  /** Tokens before the text, for the repetition penalty. */
  readonly prompt?: readonly number[];
  readonly constraint?: TokenConstraint | undefined;
}

/** Chooses the tokens of one text, in order; the same options and logits give the same tokens. */
export class Sampler {
  readonly #options: SamplingOptions;
  readonly #constraint: TokenConstraint | undefined;
  readonly #prompt: ReadonlySet<number>;
  /** How often each token is in the text. */
  readonly #counts = new Map<number, number>();
  #length = 0;

  /** Throws UsageError for options out of range. */
  constructor(options: SamplingOptions, { prompt = [], constraint }: SampledText = {}) {
    requireSampling(options);
    this.#options = options;
    this.#constraint = constraint;
    this.#prompt = new Set(repetitionOf(options) === 1 ? [] : prompt);
  }

  /** Whether tokens are the likeliest, whatever the other logits are. */
  get takesLargest(): boolean {
    const { temperature, logitBias, presencePenalty = 0, frequencyPenalty = 0 } = this.#options;
    const isPenalised = presencePenalty !== 0 || frequencyPenalty !== 0;
    const isAdjusted = this.#constraint !== undefined || (logitBias?.size ?? 0) > 0;
    return temperature === 0 && !isAdjusted && !isPenalised && repetitionOf(this.#options) === 1;
  }

  /**
   * Chooses the next token of the text by one row of logits, which stays as it is; `greedy` is the
   * target's own choice of the largest. Throws CeladonError when the constraint leaves no token.
   */
  next(logits: Float32Array, greedy: number): number {
    const token = this.#choose(logits, greedy);
    this.#constraint?.accept(token);
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
    this.#length++;
    return token;
  }

  #choose(logits: Float32Array, greedy: number): number {
    const { temperature, seed } = this.#options;
    const adjusted = this.#adjusted(logits);
    if (temperature > 0)
      return draw(this.#weights(adjusted), randomAt(seed, this.#length)) ?? greedy;
    return adjusted === logits ? greedy : largest(adjusted);
  }

  /** Logits after constraint, biases and penalties: the same array when none of them changes any. */
  #adjusted(logits: Float32Array): Float32Array {
    const { logitBias = new Map<number, number>() } = this.#options;
    const penalised = this.#penalisedTokens();
    if (this.#constraint === undefined && logitBias.size === 0 && penalised.length === 0) {
      return logits;
    }
    const adjusted = logits.slice();
    if (this.#constraint !== undefined) forbid(adjusted, this.#constraint);
    for (const [token, bias] of logitBias) adjusted[token]! += bias;
    for (const token of penalised) adjusted[token] = this.#penalised(token, adjusted[token]!);
    return adjusted;
  }

  #penalisedTokens(): number[] {
    const { presencePenalty = 0, frequencyPenalty = 0 } = this.#options;
    const none = presencePenalty === 0 && frequencyPenalty === 0;
    if (none && repetitionOf(this.#options) === 1) return [];
    return [...this.#prompt.union(this.#counts)];
  }

  #penalised(token: number, logit: number): number {
    const { presencePenalty = 0, frequencyPenalty = 0 } = this.#options;
    const repetition = repetitionOf(this.#options);
    const count = this.#counts.get(token) ?? 0;
    const repeated = logit > 0 ? logit / repetition : logit * repetition;
    return repeated - frequencyPenalty * count - presencePenalty * Math.min(count, 1);
  }

  /** Weights relative to the likeliest token, 0 for those left out. */
  #weights(logits: Float32Array): Float64Array {
    const { temperature, topK, topP, minP = 0 } = this.#options;
    const weights = relativeWeights(logits, temperature);
    if (topK > 0) keepLeading(weights, topK, false);
    if (minP > 0) keepAtLeast(weights, minP);
    if (topP < 1) keepLeading(weights, topP * sumOf(weights), true);
    return weights;
  }
}

function repetitionOf({ repetitionPenalty = 1 }: SamplingOptions): number {
  return repetitionPenalty;
}

function forbid(logits: Float32Array, constraint: TokenConstraint): void {
  const allowed = new Uint8Array(logits.length).fill(1);
  constraint.restrict(allowed);
  if (!allowed.includes(1)) {
    throw new CeladonError('a constraint must allow some token, not none', {
      where: 'sampling',
      hint: 'the grammar asks for text that the vocabulary cannot spell',
    });
  }
  for (let token = 0; token < logits.length; token++) {
    if (allowed[token] === 0) logits[token] = -Infinity;
  }
}

/** exp((x − best) / temperature); 1 for what equals an infinite best, 0 for NaN. */
function relativeWeights(logits: Float32Array, temperature: number): Float64Array {
  const best = logits[largest(logits)]!;
  const weights = new Float64Array(logits.length);
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (logit === best) weights[token] = 1;
    else if (logit < best) weights[token] = Math.exp((logit - best) / temperature);
  }
  return weights;
}

/** The first of the largest; NaN is never chosen. */
function largest(logits: Float32Array): number {
  let token = 0;
  let best = -Infinity;
  for (let i = 0; i < logits.length; i++) {
    if (logits[i]! > best) best = logits[(token = i)]!;
  }
  return token;
}

function keepAtLeast(weights: Float64Array, least: number): void {
  for (let token = 0; token < weights.length; token++) {
    if (weights[token]! < least) weights[token] = 0;
  }
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}

/** The token at `share`, in [0, 1), of the weights laid out by token; undefined when all are 0. */
function draw(weights: Float64Array, share: number): number | undefined {
  let left = share * sumOf(weights);
  let last: number | undefined;
  for (let token = 0; token < weights.length; token++) {
    if (weights[token] === 0) continue;
    last = token;
    left -= weights[token]!;
    if (left < 0) return token;
  }
  return last;
}
