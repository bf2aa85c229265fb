/**
 * Turns: what sequences are fed in a step, and what comes of it: tokens, states that are so much further, and
 * blocks that are full. Guesses are judged by the rows before them [1]: what is chosen is what would have been
 * chosen without them, since each choice depends on its row and its place in the text alone.
 *
 * [1] Leviathan, Kalman, Matias: Fast Inference from Transformers via Speculative Decoding, https://arxiv.org/abs/2211.17192
 */
import type { DeviceSnapshot } from '../compile/index.ts';
import type { BatchRunner, BatchStep, Fed } from './batchRunner.ts';
import type { FinishReason } from './generate.ts';
import type { PrefixCache } from './prefixCache.ts';
import type { EngineEvent } from './request.ts';
import type { Sequence } from './sequence.ts';
import type { SlotTable } from './slotTable.ts';

/** What a sequence is fed in a step: its last token and guesses, or a chunk of its prompt. */
export interface Turn {
  readonly sequence: Sequence;
  readonly tokens: readonly number[];
  readonly guesses: readonly number[];
  /** The state before, where guesses may have to be taken back. */
  readonly mark?: DeviceSnapshot;
}

export interface TurnParts {
  readonly runner: BatchRunner;
  readonly slots: SlotTable;
  readonly prefixes: PrefixCache;
}

/** Runs turns; how a sequence ends is left in its `outcome`. */
export class TurnRunner {
  /** Guesses that were judged, and those of them that were right. */
  draftedTokens = 0;
  acceptedTokens = 0;
  /** Simulated cycles; null where the target has no cycle model. */
  cycles: number | null = null;
  readonly #runner: BatchRunner;
  readonly #slots: SlotTable;
  readonly #prefixes: PrefixCache;
  readonly #tell: (event: EngineEvent) => void;

  /** `tell` is given each token as it is chosen. */
  constructor({ runner, slots, prefixes }: TurnParts, tell: (event: EngineEvent) => void) {
    this.#runner = runner;
    this.#slots = slots;
    this.#prefixes = prefixes;
    this.#tell = tell;
  }

  /**
   * Runs turns in consecutive slots, those together that have as many tokens; the last step is only begun, and what is
   * returned waits for it.
   */
  begin(turns: readonly Turn[]): () => void {
    let [left, end] = [turns, (): void => {}];
    while (left.length > 0) {
      end();
      const { length } = left[0]!.tokens;
      const other = left.findIndex(({ tokens }) => tokens.length !== length);
      const begun = this.#begin(left.slice(0, other < 0 ? undefined : other));
      left = left.slice(begun.count);
      end = begun.end;
    }
    return end;
  }

  /** How many of the turns a step was begun for, and what waits for it. */
  #begin(turns: readonly Turn[]): { readonly count: number; readonly end: () => void } {
    const feeds = turns.map(({ sequence, tokens }) => ({ position: sequence.computed, tokens }));
    const firstSlot = turns[0]!.sequence.slot!;
    try {
      for (const { sequence } of turns) this.#prefixes.fill(sequence);
      const after = this.#slots.tokensFrom(firstSlot + turns.length);
      const { count, end } = this.#runner.begin(feeds, { firstSlot, after });
      return { count, end: () => this.#end(turns.slice(0, count), end) };
    } catch (error) {
      fail(turns, error);
      return { count: turns.length, end: () => {} };
    }
  }

  #end(turns: readonly Turn[], end: () => BatchStep): void {
    try {
      const { fed, cycles } = end();
      this.#count(cycles);
      // What the device gave is all read before it is asked for more.
      const kept = turns.map((turn, i) => guarded(turn, () => this.#read(turn, fed[i]!)));
      for (const [i, turn] of turns.entries())
        if (kept[i] !== undefined) guarded(turn, () => this.#advance(turn, kept[i]!));
    } catch (error) {
      fail(turns, error);
    }
  }

  #count(cycles: number | null): void {
    if (cycles !== null) this.cycles = (this.cycles ?? 0) + cycles;
  }

  /** Chooses tokens by what a turn gave; how many of those fed are right. */
  #read(turn: Turn, fed: Fed): number {
    const { sequence, tokens, guesses } = turn;
    const given = tokens.length - guesses.length;
    const isWhole = sequence.computed + given === sequence.tokens.length;
    const kept = given + (isWhole ? this.#choose(turn, fed) : 0);
    sequence.keepHidden(fed.hidden, tokens.length, kept);
    return kept;
  }

  /** A state that is further by the tokens that are right, and blocks that are full. */
  #advance(turn: Turn, kept: number): void {
    const { sequence, tokens } = turn;
    const isExact = kept === tokens.length || sequence.outcome === undefined;
    if (kept < tokens.length && isExact) this.#rewind(turn, kept);
    sequence.computed += kept;
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
    const feed = { position: sequence.computed, tokens: tokens.slice(0, kept) };
    this.#count(this.#runner.run([feed], { firstSlot: slot }).cycles);
  }
}

/** A problem with one request ends that one. */
function guarded<T>({ sequence }: Turn, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    sequence.outcome = asError(error);
    return undefined;
  }
}

/** Ends sequences of which it is not known what the device holds. */
function fail(turns: readonly Turn[], error: unknown): void {
  for (const { sequence } of turns) sequence.outcome = asError(error);
}

/** An error, whatever was thrown. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
