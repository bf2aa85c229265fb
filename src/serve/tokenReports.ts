/** Probabilities of tokens, in the shapes of chat completions and of completions. */
import type { TokenLogprob } from '../engine/index.ts';
import type { Tokenizer } from '../model/index.ts';
import type { TokenReport } from './generation.ts';

/** `logprobs.content` of chat completions: a token whose bytes are no text of their own is told by `bytes`. */
export function chatLogprobs(tokens: readonly TokenReport[], tokenizer: Tokenizer): object {
  const one = ({ token, logprob }: TokenLogprob): object => ({
    token: tokenizer.decode([token]),
    logprob,
    bytes: [...tokenizer.bytesOf(token)],
  });
  const content = tokens.map((token) => ({
    ...one(token),
    top_logprobs: token.top.map(one),
  }));
  return { content, refusal: null };
}

/** `logprobs` of completions; `offset`: characters of the text before these tokens. */
export function completionLogprobs(
  tokens: readonly TokenReport[],
  tokenizer: Tokenizer,
  offset: number,
): object {
  const texts = tokens.map(({ token }) => tokenizer.decode([token]));
  let at = offset;
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [tokenizer.decode([token]), logprob])),
    ),
    text_offset: texts.map((text) => (at += text.length) - text.length),
  };
}
