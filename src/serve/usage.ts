/** What an answer cost, in the words of the API, and in those of llama.cpp's server. */
import type { ChoiceUsage } from './generation.ts';

interface Totals {
  readonly prompt: number;
  readonly cached: number;
  readonly generated: number;
  readonly reasoning: number;
  readonly drafted: number;
  readonly accepted: number;
}

/** A prompt counts once, however often it is answered; `n` answers of each prompt follow each other. */
function totalsOf(usages: readonly ChoiceUsage[], n: number): Totals {
  const sum = (count: (usage: ChoiceUsage) => number, of = usages): number =>
    of.reduce((total, usage) => total + count(usage), 0);
  const prompts = usages.filter((_, choice) => choice % n === 0);
  return {
    prompt: sum(({ promptTokens }) => promptTokens, prompts),
    cached: sum(({ cachedTokens }) => cachedTokens, prompts),
    generated: sum(({ generatedTokens }) => generatedTokens),
    reasoning: sum(({ reasoningTokens }) => reasoningTokens),
    drafted: sum(({ draftedTokens }) => draftedTokens),
    accepted: sum(({ acceptedTokens }) => acceptedTokens),
  };
}

/** `usage` of chat completions and completions. */
export function usageOf(usages: readonly ChoiceUsage[], n: number): object {
  const { prompt, cached, generated, reasoning, drafted, accepted } = totalsOf(usages, n);
  return {
    prompt_tokens: prompt,
    completion_tokens: generated,
    total_tokens: prompt + generated,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      accepted_prediction_tokens: accepted,
      rejected_prediction_tokens: drafted - accepted,
    },
  };
}

/** `usage` of responses. */
export function responseUsageOf(usage: ChoiceUsage): object {
  const { prompt, cached, generated, reasoning } = totalsOf([usage], 1);
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: generated,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: prompt + generated,
  };
}

/** Times of one answer, as llama.cpp's server tells them, and how long it waited. */
export function timingsOf(usage: ChoiceUsage): object {
  const { promptTokens, cachedTokens, generatedTokens, draftedTokens, acceptedTokens } = usage;
  const { queuedSeconds, firstTokenSeconds, totalSeconds, prefix } = usage;
  return {
    queued_ms: round(queuedSeconds * 1000),
    cache_n: cachedTokens,
    ...(prefix && { cache_found_n: prefix.foundTokens, cache_miss: prefix.miss }),
    ...phase('prompt', promptTokens - cachedTokens, firstTokenSeconds - queuedSeconds),
    ...phase('predicted', generatedTokens, totalSeconds - firstTokenSeconds),
    draft_n: draftedTokens,
    draft_n_accepted: acceptedTokens,
  };
}

function phase(name: string, tokens: number, seconds: number): object {
  return {
    [`${name}_n`]: tokens,
    [`${name}_ms`]: round(seconds * 1000),
    [`${name}_per_token_ms`]: tokens > 0 ? round((seconds * 1000) / tokens) : null,
    [`${name}_per_second`]: seconds > 0 ? round(tokens / seconds) : null,
  };
}

/** To a thousandth. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
