/**
 * Speculative decoding [1], greedy: some tokens are guessed, and one step of the model judges them all.
 * What is generated is exactly what the model alone would have, whatever the guesses.
 *
 * [1] Leviathan, Kalman, Matias: Fast Inference from Transformers via Speculative Decoding, https://arxiv.org/abs/2211.17192
 */
import { UsageError } from '../base/index.ts';
import type { FinishReason } from './generate.ts';
import type { ModelRunner, Step } from './modelRunner.ts';

/** Guesses what follows `tokens`; as many or few as it likes. */
export type Drafter = (tokens: readonly number[]) => readonly number[];

export interface SpeculationOptions {
  /** The most tokens to generate. */
  readonly maxNewTokens: number;
  /** Tokens that end the text; the one that did is the last generated. */
  readonly eosTokenIds?: readonly number[];
  readonly draft: Drafter;
}

export interface Speculation {
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  /** Guesses that were judged, and those of them that were right. */
  readonly drafted: number;
  readonly accepted: number;
}

/**
 * Feeds `prompt` to a fresh or reset runner, whose graph gives logits of all tokens, then generates.
 * Throws UsageError for an empty prompt or a graph with logits of the last token alone.
 */
export function speculate(
  runner: ModelRunner,
  prompt: readonly number[],
  { maxNewTokens, eosTokenIds = [], draft }: SpeculationOptions,
): Speculation {
  const tokens: number[] = [];
  let [drafted, accepted] = [0, 0];
  /** Appends a token; gives the reason to end with it, if there is one. */
  const push = (token: number): FinishReason | undefined => {
    tokens.push(token);
    if (eosTokenIds.includes(token)) return 'stop';
    return tokens.length === maxNewTokens ? 'length' : undefined;
  };
  let token = lastOf([...runner.feed(prompt)]).next.at(-1)!;
  let finishReason: FinishReason | undefined = maxNewTokens > 0 ? push(token) : 'length';
  while (finishReason === undefined) {
    const room = Math.min(runner.contextTokens - runner.position, runner.maxStepTokens);
    if (room < 1) return { tokens, finishReason: 'context', drafted, accepted };
    const most = Math.min(room - 1, maxNewTokens - tokens.length);
    const guesses = draft([...prompt, ...tokens]).slice(0, most);
    const { right, next } = judge(runner, token, guesses);
    drafted += guesses.length;
    accepted += right.length;
    for (token of [...right, next]) if (finishReason === undefined) finishReason = push(token);
  }
  return { tokens, finishReason, drafted, accepted };
}

/** Feeds `token` and the guesses after it; keeps those that the model would have chosen. */
function judge(
  runner: ModelRunner,
  token: number,
  guesses: readonly number[],
): { readonly right: readonly number[]; readonly next: number } {
  const fed = [token, ...guesses];
  const mark = runner.mark();
  const { next } = lastOf([...runner.feed(fed)]);
  const wrong = guesses.findIndex((guess, i) => guess !== next[i]);
  const count = wrong < 0 ? guesses.length : wrong;
  if (count < guesses.length) runner.rewind(mark, fed, count + 1);
  return { right: guesses.slice(0, count), next: next[count]! };
}

function lastOf(steps: readonly Step[]): Step {
  const step = steps.at(-1);
  if (step === undefined) {
    throw new UsageError('a prompt must have at least one token, not none', {
      where: 'the prompt',
      hint: 'give some text',
    });
  }
  if (step.next.length === step.count) return step;
  throw new UsageError(
    'to judge guesses the graph must give logits of all tokens, not of the last',
    {
      hint: "build it with logits: 'all'",
    },
  );
}

/**
 * Guesses that the text goes on as it did the last time its last `length` tokens occurred: `count`
 * tokens at most (prompt lookup). Fits texts that repeat themselves, such as code and quotations.
 */
export function lookupDrafter(length = 2, count = 8): Drafter {
  return (tokens) => {
    const end = tokens.length - length;
    for (let start = end - 1; start >= 0; start--) {
      const same = Array.from({ length }, (_, i) => tokens[start + i] === tokens[end + i]);
      if (same.every(Boolean)) return tokens.slice(start + length, start + length + count);
    }
    return [];
  };
}
