/**
 * Choosing the next token from logits.
 *
 * Temperature divides the logits; top-k keeps the k largest; top-p keeps the fewest of those whose
 * probabilities add up to p [1]. The choice among the kept is by a seeded random number, so a run can
 * be repeated. Temperature 0 takes the largest, the first of equals.
 *
 * [1] Holtzman et al.: The Curious Case of Neural Text Degeneration, https://arxiv.org/abs/1904.09751
 */
import { Random, UsageError } from '../base/index.ts';

export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature: number;
  /** 0 keeps every token. */
  readonly topK: number;
  /** 1 keeps every token. */
  readonly topP: number;
  readonly seed: number;
}

/** Greedy choice. */
export const GREEDY: SamplingOptions = { temperature: 0, topK: 0, topP: 1, seed: 0 };

interface Candidate {
  readonly token: number;
  readonly weight: number;
}

/** Draws tokens from logits; the same options and logits give the same tokens. */
export class Sampler {
  readonly #options: SamplingOptions;
  readonly #random: Random;

  /** Throws UsageError for options out of range. */
  constructor(options: SamplingOptions) {
    requireOptions(options);
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** The next token for one row of logits; `greedy` is the target's own choice of the largest. */
  next(logits: Float32Array, greedy: number): number {
    const { temperature } = this.#options;
    if (temperature === 0) return greedy;
    const kept = this.#candidates(logits);
    const total = kept.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#random.float() * total;
    for (const { token, weight } of kept) {
      left -= weight;
      if (left < 0) return token;
    }
    return kept.at(-1)?.token ?? greedy;
  }

  /** The kept tokens, likeliest first, with weights relative to the likeliest. NaN is never kept. */
  #candidates(logits: Float32Array): Candidate[] {
    const { temperature, topK, topP } = this.#options;
    const tokens = [...logits.keys()].filter((token) => !Number.isNaN(logits[token]!));
    tokens.sort((a, b) => logits[b]! - logits[a]! || a - b);
    const best = logits[tokens[0] ?? 0]!;
    const ranked = tokens
      .slice(0, topK === 0 ? tokens.length : topK)
      .map((token) => ({ token, weight: weightOf(logits[token]!, best, temperature) }));
    return nucleus(ranked, topP);
  }
}

/** exp((x − best) / temperature), where an infinite best is equal to itself. */
function weightOf(logit: number, best: number, temperature: number): number {
  return logit === best ? 1 : Math.exp((logit - best) / temperature);
}

/** The fewest of the ranked whose share is at least `topP`; always one. */
function nucleus(ranked: readonly Candidate[], topP: number): Candidate[] {
  const wanted = topP * ranked.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  const last = ranked.findIndex(({ weight }) => (sum += weight) >= wanted);
  return ranked.slice(0, last < 0 ? ranked.length : last + 1);
}

function requireOptions({ temperature, topK, topP }: SamplingOptions): void {
  const problems: string[] = [];
  if (!(temperature >= 0 && temperature <= 100)) {
    problems.push(`temperature must be a number from 0 to 100, not ${temperature}`);
  }
  if (!Number.isSafeInteger(topK) || topK < 0) {
    problems.push(`top-k must be a whole number from 0, not ${topK}`);
  }
  if (!(topP > 0 && topP <= 1)) problems.push(`top-p must be above 0 and at most 1, not ${topP}`);
  if (problems.length === 0) return;
  throw new UsageError(problems.join('; '), {
    where: 'sampling',
    hint: 'temperature 0 always takes the likeliest token',
  });
}
