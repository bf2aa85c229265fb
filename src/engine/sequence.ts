/** Sequence: one request on its way, its tokens and how far they are computed. */
import type { DeviceSnapshot } from '../compile/index.ts';
import type { Block } from './blockManager.ts';
import type { DrafterLease } from './draftSource.ts';
import type { FinishReason } from './generate.ts';
import { logprobOf, topLogprobs } from './logprobs.ts';
import type { EngineRequest, PrefixReuse, RequestUsage, TokenLogprob } from './request.ts';
import { requireFinite } from './requireTokens.ts';
import { Sampler } from './sampler.ts';
import { GREEDY, requireSampling } from './samplingOptions.ts';

/** A token, and what was asked to be told of it. */
export interface Choice {
  readonly token: number;
  readonly logprob?: number;
  readonly top?: readonly TokenLogprob[];
}

/** How a sequence ends. */
export type Outcome = FinishReason | 'aborted' | Error;

export class Sequence {
  readonly request: EngineRequest;
  /** Its place in the order of arrival, which a preemption does not change. */
  readonly arrival: number;
  /** The prompt, then what was generated. */
  readonly tokens: number[];
  /** Where its state is; undefined while it waits. */
  slot: number | undefined;
  /** Tokens whose state is in the slot. */
  computed = 0;
  /** One for each `blockTokens` of what is computed or about to be; the first `published` are. */
  blocks: Block[] = [];
  published = 0;
  /** Those of the first whose contents the slot does not have yet. */
  unfilled: readonly Block[] = [];
  /** The state behind them, where it is one that steps replace. */
  resumesFrom: DeviceSnapshot | undefined;
  /** Where another text was seen to part from this one, in tokens: a place worth a snapshot. */
  branch = 0;
  /** The block with the newest snapshot that generating has left. */
  snapshotBlock: Block | undefined;
  prefix: PrefixReuse | undefined;
  /** Guesses what comes next, and how it is ended. */
  drafter: DrafterLease | undefined;
  /** A row of each computed token, where the graph gives such. */
  #hidden: Float32Array[] = [];
  /** Tokens whose rows of those the drafter has been given. */
  #drafterSaw = 0;
  /** What may follow its last token. */
  guesses: readonly number[] = [];
  /** Why it ends, when it does. */
  outcome: Outcome | undefined;
  drafted = 0;
  accepted = 0;
  readonly #sampler: Sampler;
  readonly #addedMs = performance.now();
  #startedMs: number | undefined;
  #firstTokenMs: number | undefined;

  /** Throws UsageError for sampling options out of range. */
  constructor(request: EngineRequest, arrival: number, vocabularySize: number) {
    const { prompt, constraint, sampling = GREEDY } = request;
    requireSampling(sampling, vocabularySize);
    this.request = request;
    this.arrival = arrival;
    this.tokens = [...prompt];
    this.#sampler = new Sampler(sampling, { prompt, constraint });
  }

  get generated(): number {
    return this.tokens.length - this.request.prompt.length;
  }

  /** Whether tokens are fed as they are chosen: only the last one's state is missing. */
  get isDecoding(): boolean {
    return this.computed === this.tokens.length - 1 && this.generated > 0;
  }

  /** Takes note of a first step; whether it is the first. */
  start(): boolean {
    const isFirst = this.#startedMs === undefined;
    this.#startedMs ??= performance.now();
    return isFirst;
  }

  /**
   * Chooses the next token by a row of logits whose largest is at `greedy`, and appends it. Throws CeladonError
   * for logits that are no finite numbers, and where the constraint leaves no token. Where the largest is all that is
   * asked for, only that one is looked at: it is finite unless one is infinite, or none is a number.
   */
  choose(logits: Float32Array, greedy: number): Choice {
    const readsAll = this.request.logprobs !== undefined || !this.#sampler.takesLargest;
    const read = readsAll ? logits : logits.subarray(greedy, greedy + 1);
    requireFinite(read, `token ${this.tokens.length}`);
    const token = this.#sampler.next(logits, greedy);
    this.#firstTokenMs ??= performance.now();
    this.tokens.push(token);
    const { logprobs } = this.request;
    if (logprobs === undefined) return { token };
    return { token, logprob: logprobOf(logits, token), top: topLogprobs(logits, logprobs) };
  }

  /** Takes the first `kept` of the hidden rows of `count` tokens. */
  keepHidden(rows: Float32Array | undefined, count: number, kept = count): void {
    if (rows === undefined) return;
    const width = rows.length / count;
    for (let i = 0; i < kept; i++) this.#hidden.push(rows.slice(i * width, (i + 1) * width));
  }

  /** The hidden rows of tokens `from` to `to`, one behind the other; none where the graph gives none. */
  hiddenOf(from: number, to: number): { readonly hidden?: Float32Array } {
    const rows = this.#hidden.slice(from, to);
    const [row] = rows;
    if (row === undefined) return {};
    const hidden = new Float32Array(rows.length * row.length);
    for (const [i, own] of rows.entries()) hidden.set(own, i * row.length);
    return { hidden };
  }

  /** The hidden rows that the drafter has not been given; none where the graph gives none. */
  hiddenForDrafter(): Float32Array {
    const { hidden = new Float32Array() } = this.hiddenOf(this.#drafterSaw, this.computed);
    this.#drafterSaw = this.computed;
    return hidden;
  }

  /** Takes tokens up again from the start, with nothing computed. */
  forget(): void {
    this.drafter?.end();
    this.drafter = undefined;
    this.snapshotBlock = undefined;
    this.blocks = [];
    this.#hidden = [];
    this.computed = 0;
    this.published = 0;
    this.#drafterSaw = 0;
    this.unfilled = [];
    this.resumesFrom = undefined;
    this.guesses = [];
  }

  usage(): RequestUsage {
    const now = performance.now();
    const since = (ms = now): number => (ms - this.#addedMs) / 1000;
    return {
      promptTokens: this.request.prompt.length,
      cachedTokens: this.prefix?.reusedTokens ?? 0,
      ...(this.prefix && { prefix: this.prefix }),
      generatedTokens: this.generated,
      draftedTokens: this.drafted,
      acceptedTokens: this.accepted,
      queuedSeconds: since(this.#startedMs),
      firstTokenSeconds: since(this.#firstTokenMs),
      totalSeconds: since(),
    };
  }
}
