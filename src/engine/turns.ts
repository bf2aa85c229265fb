/**
 * Turns: what sequences are fed in a step, and what comes of it: tokens, states that are so much further, and
 * blocks that are full. Guesses are judged by the rows before them [1]: what is chosen is what would have been
 * chosen without them, since each choice depends on its row and its place in the text alone.
 *
 * [1] Leviathan, Kalman, Matias: Fast Inference from Transformers via Speculative Decoding, https://arxiv.org/abs/2211.17192
 */
import type { DeviceSnapshot } from '../compile/index.ts';
import type { BatchRunner, BatchStep, Fed, Feed } from './batchRunner.ts';
import type { FinishReason } from './generate.ts';
import type { PrefixCache } from './prefixCache.ts';
import type { EngineEvent } from './request.ts';
import type { Sequence } from './sequence.ts';

/** What a sequence is fed in a step: its last token and guesses, or a chunk of its prompt. */
export interface Turn {
  readonly sequence: Sequence;
  readonly tokens: readonly number[];
  readonly guesses: readonly number[];
  /** The state before, where guesses may have to be taken back. */
  readonly mark?: DeviceSnapshot;
}

/** Runs turns; how a sequence ends is left in its `outcome`. */
export class TurnRunner {
  /** Guesses that were judged, and those of them that were right. */
  draftedTokens = 0;
  acceptedTokens = 0;
  /** Simulated cycles; null where the target has no cycle model. */
  cycles: number | null = null;
  readonly #runner: BatchRunner;
  readonly #prefixes: PrefixCache;
  readonly #tell: (event: EngineEvent) => void;

  /** `tell` is given each token as it is chosen. */
  constructor(runner: BatchRunner, prefixes: PrefixCache, tell: (event: EngineEvent) => void) {
    this.#runner = runner;
    this.#prefixes = prefixes;
    this.#tell = tell;
  }

  /** Runs turns in consecutive slots, those together that have as many tokens. */
  runAll(turns: readonly Turn[]): void {
    for (let first = 0; first < turns.length;) {
      const { length } = turns[first]!.tokens;
      const end = turns.findIndex(({ tokens }, i) => i > first && tokens.length !== length);
      first += this.#run(turns.slice(first, end < 0 ? undefined : end));
    }
  }

  /** How many of the turns were run. */
  #run(turns: readonly Turn[]): number {
    const feeds = turns.map(({ sequence, tokens }) => ({ position: sequence.computed, tokens }));
    try {
      for (const { sequence } of turns) this.#prefixes.fill(sequence);
      const { fed } = this.#feed(turns[0]!.sequence.slot!, feeds);
      for (const [i, own] of fed.entries()) this.#takeGuarded(turns[i]!, own);
      return fed.length;
    } catch (error) {
      // What the device holds of them is not known.
      for (const { sequence } of turns) sequence.outcome = asError(error);
      return turns.length;
    }
  }

  #feed(firstSlot: number, feeds: readonly Feed[]): BatchStep {
    const step = this.#runner.run(firstSlot, feeds);
    if (step.cycles !== null) this.cycles = (this.cycles ?? 0) + step.cycles;
    return step;
  }

  /** A problem with one request ends that one. */
  #takeGuarded(turn: Turn, fed: Fed): void {
    try {
      this.#take(turn, fed);
    } catch (error) {
      turn.sequence.outcome = asError(error);
    }
  }

  /** What a turn came to: tokens, a state that is so much further, blocks that are full. */
  #take(turn: Turn, fed: Fed): void {
    const { sequence, tokens, guesses } = turn;
    const given = tokens.length - guesses.length;
    const isWhole = sequence.computed + given === sequence.tokens.length;
    const kept = given + (isWhole ? this.#choose(turn, fed) : 0);
    const isExact = kept === tokens.length || sequence.outcome === undefined;
    if (kept < tokens.length && isExact) this.#rewind(turn, kept);
    sequence.computed += kept;
    sequence.keepHidden(fed.hidden, tokens.length, kept);
    this.#prefixes.publish(sequence, isExact);
  }

  /** Chooses a token by each row until a guess was another, or the text ends; how many guesses were right. */
  #choose({ sequence, guesses }: Turn, { logits, next }: Fed): number {
    const width = this.#runner.vocabularySize;
    const first = next.length - 1 - guesses.length;
    sequence.drafted += guesses.length;
    this.draftedTokens += guesses.length;
    sequence.outcome = sequence.request.maxNewTokens === 0 ? 'length' : undefined;
    for (let right = 0; sequence.outcome === undefined; right++) {
      const row = first + right;
      const choice = sequence.choose(logits.subarray(row * width, (row + 1) * width), next[row]!);
      this.#tell({ kind: 'token', id: sequence.request.id, ...choice });
      sequence.outcome = this.#reasonToEnd(sequence, choice.token);
      if (guesses[right] !== choice.token) return right;
      sequence.accepted++;
      this.acceptedTokens++;
      if (sequence.outcome !== undefined) return right;
    }
    return 0;
  }

  #reasonToEnd({ request, generated, tokens }: Sequence, token: number): FinishReason | undefined {
    if (request.eosTokenIds.includes(token)) return 'stop';
    if (generated === request.maxNewTokens) return 'length';
    return tokens.length > this.#runner.contextTokens ? 'context' : undefined;
  }

  /** Goes back to before the turn and on by those of its tokens that are kept; rows need nothing. */
  #rewind({ sequence, tokens, mark }: Turn, kept: number): void {
    if (mark === undefined) return;
    const slot = sequence.slot!;
    this.#runner.restore(slot, mark);
    this.#feed(slot, [{ position: sequence.computed, tokens: tokens.slice(0, kept) }]);
  }
}

/** An error, whatever was thrown. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
