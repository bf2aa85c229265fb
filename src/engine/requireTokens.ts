/** What tokens, requests and logits must be, whoever runs them. */
import { CapacityError, CeladonError, UsageError } from '../base/index.ts';

/** What runs tokens, as far as they must fit it. */
export interface TokenLimits {
  readonly contextTokens: number;
  readonly vocabularySize: number;
}

/** Throws UsageError for an id that the model does not have; `where` says whose it is. */
export function requireTokenIds(
  tokens: readonly number[],
  vocabularySize: number,
  where: string,
): void {
  const index = tokens.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (index < 0) return;
  throw new UsageError(
    `token ids must be whole numbers from 0 to ${vocabularySize - 1}, not ${tokens[index]}`,
    {
      where: `${where}, token ${index}`,
      hint: 'check that the tokens come from the tokenizer of this model',
    },
  );
}

/**
 * Throws UsageError for an empty prompt, an id that the model does not have and a count that is none,
 * CapacityError when the prompt is longer than the context.
 */
export function requireRequest(
  { contextTokens, vocabularySize }: TokenLimits,
  prompt: readonly number[],
  maxNewTokens: number,
): void {
  requirePrompt(prompt, contextTokens);
  requireTokenIds(prompt, vocabularySize, 'the prompt');
  requireCount(maxNewTokens);
}

function requirePrompt(prompt: readonly number[], contextTokens: number): void {
  if (prompt.length === 0) {
    throw new UsageError('a prompt must have at least one token, not none', {
      where: 'the prompt',
      hint: 'give some text',
    });
  }
  if (prompt.length <= contextTokens) return;
  throw new CapacityError(
    `the prompt must fit the context of ${contextTokens} tokens, not have ${prompt.length}`,
    {
      where: 'the prompt',
      hint: `shorten it by ${prompt.length - contextTokens} tokens, or use a model with a longer context`,
    },
  );
}

function requireCount(maxNewTokens: number): void {
  if (Number.isSafeInteger(maxNewTokens) && maxNewTokens >= 0) return;
  throw new UsageError(
    `the number of tokens to generate must be a whole number, not ${maxNewTokens}`,
  );
}

/** All bits of the exponent: of an infinity or no number. */
const EXPONENT = 0x7f800000;

/** Weights are finite, but sums of absurd ones need not be; no token can be chosen from such logits. */
export function requireFinite(logits: Float32Array, where: string): void {
  const bits = new Int32Array(logits.buffer, logits.byteOffset, logits.length);
  let i = 0;
  while (i < bits.length && (bits[i]! & EXPONENT) !== EXPONENT) i++;
  if (i === bits.length) return;
  throw new CeladonError(`logits must be finite numbers, not ${logits[i]}`, {
    where,
    hint: 'check that config.json and the weights belong to the same model',
  });
}
