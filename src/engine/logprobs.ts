/** Logarithms of probabilities, of logits as the model gives them. */
import { logLoss } from './evaluate.ts';
import type { TokenLogprob } from './request.ts';

/** ln softmax(logits)[token], in f64. */
export function logprobOf(logits: Float32Array, token: number): number {
  return -logLoss(logits, token);
}

/** The `count` likeliest tokens, likeliest first and the first of equals; NaN is never among them. */
export function topLogprobs(logits: Float32Array, count: number): TokenLogprob[] {
  const tokens = largestTokens(logits, count);
  if (tokens.length === 0) return [];
  const [first] = tokens;
  const total = logLoss(logits, first!) + logits[first!]!;
  return tokens.map((token) => ({ token, logprob: logits[token]! - total }));
}

/** By insertion: few of a vocabulary get past the least of the best so far. */
function largestTokens(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  if (count === 0) return best;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (Number.isNaN(logit)) continue;
    if (best.length === count && logit <= logits[best.at(-1)!]!) continue;
    const place = best.findIndex((other) => logits[other]! < logit);
    best.splice(place < 0 ? best.length : place, 0, token);
    if (best.length > count) best.pop();
  }
  return best;
}
