/**
 * Speculative decoding [1], greedy: some tokens are guessed, and one step of the model judges them all.
 * What is generated is exactly what the model alone would have, whatever the guesses.
 *
 * [1] Leviathan, Kalman, Matias: Fast Inference from Transformers via Speculative Decoding, https://arxiv.org/abs/2211.17192
 */
import { UsageError } from '../base/index.ts';
import type { FinishReason, Generation, GenerationEvent } from './generate.ts';
import type { ModelRunner, Step } from './modelRunner.ts';
import { addStep, NO_TOTALS, type PhaseTotals } from './phaseTotals.ts';
import { requireRequest } from './requireTokens.ts';

/**
 * Guesses at most `most` of the tokens that follow `tokens`. `hidden` has the model's hidden rows of the
 * tokens that were fed since the last guess, of which the last is the last but one of `tokens`: the last
 * one has not been fed yet. It is empty where the graph gives none.
 */
export type Drafter = (
  tokens: readonly number[],
  hidden: Float32Array,
  most: number,
) => readonly number[];

export interface SpeculationOptions {
  /** The most tokens to generate. */
  readonly maxNewTokens: number;
  /** Tokens that end the text; the one that did is the last generated. */
  readonly eosTokenIds?: readonly number[];
  readonly draft: Drafter;
}

/** In `decode` a step judges several tokens, of which those that were kept count; its time is that of drafts too. */
export interface Speculation extends Generation {
  /** Guesses that were judged, and those of them that were right. */
  readonly drafted: number;
  readonly accepted: number;
}

/**
 * Feeds `prompt` to a fresh or reset runner, whose graph gives logits of all tokens, then generates; the
 * step of an event is the one that gave its token. Throws as `generate` does, and UsageError for a graph
 * with logits of the last token alone.
 */
export function* speculate(
  runner: ModelRunner,
  prompt: readonly number[],
  { maxNewTokens, eosTokenIds = [], draft }: SpeculationOptions,
): Generator<GenerationEvent, Speculation> {
  requireRequest(runner, prompt, maxNewTokens);
  const tokens: number[] = [];
  let [prefill, decode]: PhaseTotals[] = [NO_TOTALS, NO_TOTALS];
  let [drafted, accepted] = [0, 0];
  const done = (finishReason: FinishReason): Speculation => {
    return { tokens, finishReason, prefill: prefill!, decode: decode!, drafted, accepted };
  };
  const rows: Float32Array[] = [];
  let judged: Judgement | undefined;
  for (const step of runner.feed(prompt)) {
    requireAllLogits(step);
    prefill = addStep(prefill!, step);
    rows.push(hiddenOf(step));
    judged = { step, right: [], next: step.next.at(-1)! };
    yield { kind: 'prompt', step };
  }
  if (maxNewTokens === 0) return done('length');
  for (let hidden = joined(rows); ; hidden = keptRows(judged)) {
    for (const token of [...judged!.right, judged!.next]) {
      tokens.push(token);
      yield { kind: 'token', token, step: judged!.step };
      if (eosTokenIds.includes(token)) return done('stop');
      if (tokens.length === maxNewTokens) return done('length');
    }
    const room = Math.min(runner.contextTokens - runner.position, runner.maxStepTokens);
    if (room < 1) return done('context');
    const most = Math.min(room - 1, maxNewTokens - tokens.length - 1);
    const start = performance.now();
    const guesses = draft([...prompt, ...tokens], hidden, most).slice(0, most);
    judged = judge(runner, tokens.at(-1)!, guesses);
    drafted += guesses.length;
    accepted += judged.right.length;
    decode = addRound(decode!, judged, (performance.now() - start) / 1000);
  }
}

/** What a step says of guesses: those that are right, and the token after them. */
interface Judgement {
  readonly step: Step;
  readonly right: readonly number[];
  readonly next: number;
}

/** Feeds `token` and the guesses after it; keeps those that the model would have chosen. */
function judge(runner: ModelRunner, token: number, guesses: readonly number[]): Judgement {
  const fed = [token, ...guesses];
  const mark = runner.mark();
  const [step] = runner.feed(fed);
  const { next } = step!;
  const wrong = guesses.findIndex((guess, i) => guess !== next[i]);
  const count = wrong < 0 ? guesses.length : wrong;
  if (count < guesses.length) runner.rewind(mark, fed, count + 1);
  return { step: step!, right: guesses.slice(0, count), next: next[count]! };
}

function addRound(totals: PhaseTotals, { step, right }: Judgement, seconds: number): PhaseTotals {
  const runSeconds = seconds - step.compileSeconds;
  return addStep(totals, { ...step, count: right.length + 1, runSeconds });
}

function hiddenOf({ hidden = new Float32Array() }: Step): Float32Array {
  return hidden;
}

/** The hidden rows of the token that was fed, and of the guesses after it that were right. */
function keptRows({ step, right }: Judgement): Float32Array {
  const hidden = hiddenOf(step);
  return hidden.subarray(0, (hidden.length / step.count) * (right.length + 1));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function requireAllLogits({ next, count }: Step): void {
  if (next.length === count) return;
  throw new UsageError(
    'to judge guesses the graph must give logits of all tokens, not of the last',
    { hint: "build it with logits: 'all'" },
  );
}

/**
 * Guesses that the text goes on as it did the last time its last `length` tokens occurred: `count`
 * tokens at most (prompt lookup). Fits texts that repeat themselves, such as code and quotations.
 */
export function lookupDrafter(
  length = 2,
  count = 8,
): (tokens: readonly number[]) => readonly number[] {
  return (tokens) => {
    const end = tokens.length - length;
    for (let start = end - 1; start >= 0; start--) {
      const same = Array.from({ length }, (_, i) => tokens[start + i] === tokens[end + i]);
      if (same.every(Boolean)) return tokens.slice(start + length, start + length + count);
    }
    return [];
  };
}
