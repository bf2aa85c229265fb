/** How tokens are chosen: what may be asked for. Names and meanings are those of vLLM [1] and OpenAI [2].
 *
 * [1] https://docs.vllm.ai/en/latest/api/vllm/sampling_params.html
 * [2] https://platform.openai.com/docs/api-reference/chat/create
 */
import { UsageError } from '../base/index.ts';

export interface SamplingOptions {
  /** What logits are divided by, from 0 to 100; 0 is greedy. */
  readonly temperature: number;
  /** Keeps the k largest; 0 keeps every token. */
  readonly topK: number;
  /** Keeps the fewest of the likeliest whose probabilities add up to p; 1 keeps every token. */
  readonly topP: number;
  /** A safe integer. */
  readonly seed: number;
  /** Keeps tokens at least this share as likely as the likeliest; absent or 0 keeps every token. */
  readonly minP?: number;
  /** Divides positive logits, and multiplies others, of tokens in prompt or text; absent or 1 does nothing. */
  readonly repetitionPenalty?: number;
  /** Taken from logits of tokens in the text, from −2 to 2. */
  readonly presencePenalty?: number;
  /** Taken from logits for each time a token is in the text, from −2 to 2. */
  readonly frequencyPenalty?: number;
  /** Added to logits of single tokens, from −100 to 100. */
  readonly logitBias?: ReadonlyMap<number, number>;
}

/** Greedy choice. */
export const GREEDY: SamplingOptions = { temperature: 0, topK: 0, topP: 1, seed: 0 };

const MAX_BIASES = 1024;

/** Throws UsageError for options out of range, or a bias for a token that the model does not have. */
export function requireSampling(options: SamplingOptions, vocabularySize = Infinity): void {
  const problems = [...rangeProblems(options), ...biasProblems(options, vocabularySize)];
  if (problems.length === 0) return;
  throw new UsageError(problems.join('; '), {
    where: 'sampling',
    hint: 'temperature 0 always takes the likeliest token',
  });
}

function rangeProblems(options: SamplingOptions): string[] {
  const { temperature, topK, topP, seed, minP = 0, repetitionPenalty = 1 } = options;
  const { presencePenalty = 0, frequencyPenalty = 0 } = options;
  const rules: readonly (readonly [boolean, string, number])[] = [
    [
      temperature >= 0 && temperature <= 100,
      'temperature must be a number from 0 to 100',
      temperature,
    ],
    [Number.isSafeInteger(topK) && topK >= 0, 'top-k must be a whole number from 0', topK],
    [topP > 0 && topP <= 1, 'top-p must be above 0 and at most 1', topP],
    [Number.isSafeInteger(seed), 'seed must be an integer within ±(2^53 - 1)', seed],
    [minP >= 0 && minP <= 1, 'min-p must be a number from 0 to 1', minP],
    [
      repetitionPenalty > 0 && repetitionPenalty <= 100,
      'repetition penalty must be above 0 and at most 100',
      repetitionPenalty,
    ],
    [
      Math.abs(presencePenalty) <= 2,
      'presence penalty must be a number from -2 to 2',
      presencePenalty,
    ],
    [
      Math.abs(frequencyPenalty) <= 2,
      'frequency penalty must be a number from -2 to 2',
      frequencyPenalty,
    ],
  ];
  return rules.filter(([ok]) => !ok).map(([, rule, given]) => `${rule}, not ${given}`);
}

function biasProblems(
  { logitBias = new Map() }: SamplingOptions,
  vocabularySize: number,
): string[] {
  if (logitBias.size > MAX_BIASES) {
    return [`logit bias must be of at most ${MAX_BIASES} tokens, not ${logitBias.size}`];
  }
  for (const [token, bias] of logitBias) {
    if (!Number.isSafeInteger(token) || token < 0 || token >= vocabularySize) {
      const range = vocabularySize === Infinity ? 'from 0' : `from 0 to ${vocabularySize - 1}`;
      return [`logit bias must be of token ids ${range}, not ${token}`];
    }
    if (!(Math.abs(bias) <= 100)) {
      return [`logit bias must be a number from -100 to 100, not ${bias} (token ${token})`];
    }
  }
  return [];
}
