/**
 * Engine: many requests on one device. A step feeds each request that decodes its last token, and guesses
 * after it, then reads chunks of prompts; what is chosen does not depend on who else is there.
 */
import { UsageError } from '../base/index.ts';
import type { Device, DeviceSnapshot, Target } from '../compile/index.ts';
import type { Graph } from '../ir/index.ts';
import { BatchRunner, type Fed } from './batchRunner.ts';
import { BlockManager } from './blockManager.ts';
import type { DraftSource } from './draftSource.ts';
import type { FinishReason } from './generate.ts';
import { PrefixCache } from './prefixCache.ts';
import type { EngineEvent, EngineRequest, EngineStatus, ServingEngine } from './request.ts';
import { requireRequest } from './requireTokens.ts';
import { Scheduler } from './scheduler.ts';
import { Sequence, type Outcome } from './sequence.ts';
import { SlotTable } from './slotTable.ts';

const KEPT_BYTES = 2 ** 30;

export interface EngineOptions {
  /** The most tokens of a sequence. */
  readonly contextTokens: number;
  /** Sequences that run at once, 16 unless said; the device must have as many slots. */
  readonly maxSequences?: number;
  /** Tokens of a block, 16 unless said. */
  readonly blockTokens?: number;
  /** Blocks for all sequences and for beginnings that are kept; as many as the slots can hold unless said. */
  readonly blocks?: number;
  /** Copies of states that steps replace; 4 a slot unless said. */
  readonly snapshots?: number;
  /** What copies of beginnings and of such states may take in the host's memory; 1 GiB unless said. */
  readonly keptBytes?: number;
  /** The most tokens of a step, as many as a program takes unless said; those that decode get theirs anyway. */
  readonly stepTokens?: number;
  /** Whether computed beginnings are kept for others; true unless said. */
  readonly prefixCaching?: boolean;
  /** Guesses what comes next; the graph must then give logits of all tokens. */
  readonly drafts?: DraftSource;
}

/** What a sequence is fed in a step: its last token and guesses, or a chunk of its prompt. */
interface Turn {
  readonly sequence: Sequence;
  readonly tokens: readonly number[];
  readonly guesses: readonly number[];
  /** The state before, where guesses may have to be taken back. */
  readonly mark?: DeviceSnapshot;
}

export class Engine implements ServingEngine {
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly #runner: BatchRunner;
  readonly #blocks: BlockManager;
  readonly #slots: SlotTable;
  readonly #prefixes: PrefixCache;
  readonly #scheduler: Scheduler;
  readonly #drafts: DraftSource | undefined;
  readonly #stepTokens: number;
  readonly #sequences = new Map<string, Sequence>();
  #events: EngineEvent[] = [];
  #arrivals = 0;
  #cycles: number | null = null;
  readonly #totals = {
    prefixQueriedTokens: 0,
    prefixHitTokens: 0,
    draftedTokens: 0,
    acceptedTokens: 0,
  };

  /** Runs `graph` on `device`, which `target` has opened. Throws what the passes of the target throw. */
  constructor(graph: Graph, target: Target, device: Device, options: EngineOptions) {
    const { maxSequences = 16, blockTokens = 16, prefixCaching = true, drafts } = options;
    const perSlot = Math.ceil(options.contextTokens / blockTokens);
    const { blocks = maxSequences * perSlot, snapshots = 4 * maxSequences } = options;
    const { keptBytes = KEPT_BYTES } = options;
    this.contextTokens = Math.min(options.contextTokens, blocks * blockTokens);
    this.#runner = new BatchRunner(graph, target, device, this.contextTokens);
    this.vocabularySize = this.#runner.vocabularySize;
    this.#blocks = new BlockManager({ blocks, blockTokens, snapshots, keptBytes });
    this.#slots = new SlotTable(maxSequences, this.#runner);
    this.#prefixes = new PrefixCache(this.#runner, this.#blocks, prefixCaching);
    this.#scheduler = new Scheduler({
      runner: this.#runner,
      blocks: this.#blocks,
      slots: this.#slots,
      prefixes: this.#prefixes,
    });
    this.#drafts = drafts;
    this.#stepTokens = options.stepTokens ?? this.#runner.maxTokens;
    if (drafts !== undefined) requireAllRows(this.#runner);
  }

  /**
   * Loads the weights and makes room for all sequences, each as long as it may be, before a request comes; for
   * fewer where the device has no room for all. How many may run at once; throws CapacityError when none can.
   */
  warmUp(): number {
    return (this.#slots.size = this.#runner.reserve(this.#slots.size));
  }

  get idle(): boolean {
    return this.#sequences.size === 0 && this.#events.length === 0;
  }

  add(request: EngineRequest): void {
    if (this.#sequences.has(request.id)) {
      throw new UsageError(`an id must be of one request, not ${request.id} again`, {
        where: 'request',
        hint: 'give each request an id of its own',
      });
    }
    requireRequest(this, request.prompt, request.maxNewTokens);
    const sequence = new Sequence(request, this.#arrivals++, this.vocabularySize);
    this.#sequences.set(request.id, sequence);
    this.#scheduler.waiting.push(sequence);
  }

  abort(id: string): void {
    const sequence = this.#sequences.get(id);
    if (sequence !== undefined) this.#end(sequence, 'aborted');
  }

  step(): readonly EngineEvent[] {
    const decoded = this.#decode();
    this.#prefill(Math.max(this.#blocks.blockTokens, this.#stepTokens - decoded));
    const events = this.#events;
    this.#events = [];
    return events;
  }

  status(): EngineStatus {
    return {
      runningRequests: this.#slots.sequences.length,
      waitingRequests: this.#scheduler.waiting.length,
      usedBlocks: this.#blocks.usedBlocks,
      totalBlocks: this.#blocks.totalBlocks,
      publishedBlocks: this.#blocks.publishedBlocks,
      snapshots: this.#blocks.snapshots,
      preemptions: this.#scheduler.preemptions,
      cycles: this.#cycles,
      ...this.#totals,
    };
  }

  /** Forgets the beginnings that no request holds. */
  clearPrefixes(): void {
    this.#blocks.clear();
  }

  /** A turn for each that decodes; how many tokens were fed. */
  #decode(): number {
    const turns = this.#scheduler.scheduleDecode().map((sequence) => this.#turnOf(sequence));
    for (let first = 0; first < turns.length;) {
      const { length } = turns[first]!.tokens;
      const end = turns.findIndex(({ tokens }, i) => i > first && tokens.length !== length);
      first += this.#run(turns.slice(first, end < 0 ? undefined : end));
    }
    this.#removeEnded(turns);
    return turns.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }

  /** Chunks of prompts, as many as a budget of tokens allows; one at least, if any waits. */
  #prefill(budget: number): void {
    for (let left = budget; left > 0;) {
      const chunk = this.#scheduler.schedulePrefill(left);
      if (chunk === undefined) return;
      this.#start(chunk.sequence);
      left -= chunk.tokens.length;
      const turn = { ...chunk, guesses: [] };
      this.#run([turn]);
      this.#removeEnded([turn]);
    }
  }

  /** The last token of a sequence, and as many guesses as there is room for. */
  #turnOf(sequence: Sequence): Turn {
    const guesses = this.#guess(sequence);
    const tokens = [sequence.tokens.at(-1)!, ...guesses];
    if (guesses.length === 0 || !this.#runner.recurrent) return { sequence, tokens, guesses };
    return { sequence, tokens, guesses, mark: this.#runner.snapshot(sequence.slot!) };
  }

  #guess(sequence: Sequence): readonly number[] {
    if (this.#drafts === undefined) return [];
    const { tokens, computed, request, generated } = sequence;
    const most = Math.min(
      this.contextTokens - computed - 1,
      request.maxNewTokens - generated - 1,
      this.#runner.maxTokens - 1,
    );
    if (most < 1) return [];
    sequence.drafter ??= this.#drafts.start();
    const guesses = sequence.drafter.draft(tokens, sequence.hiddenForDrafter(), most);
    const used = guesses.slice(0, most);
    return this.#scheduler.grow(sequence, computed + 1 + used.length) ? used : [];
  }

  /** Runs turns of as many tokens each, in consecutive slots; how many of them were run. */
  #run(turns: readonly Turn[]): number {
    const feeds = turns.map(({ sequence, tokens }) => ({ position: sequence.computed, tokens }));
    try {
      for (const { sequence } of turns) this.#prefixes.fill(sequence);
      const { fed, cycles } = this.#runner.run(turns[0]!.sequence.slot!, feeds);
      if (cycles !== null) this.#cycles = (this.#cycles ?? 0) + cycles;
      for (const [i, own] of fed.entries()) this.#takeGuarded(turns[i]!, own);
      return fed.length;
    } catch (error) {
      // What the device holds of them is not known.
      for (const { sequence } of turns) sequence.outcome = asError(error);
      return turns.length;
    }
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
    const width = this.vocabularySize;
    const first = next.length - 1 - guesses.length;
    this.#count(sequence, 'drafted', guesses.length);
    sequence.outcome = sequence.request.maxNewTokens === 0 ? 'length' : undefined;
    for (let right = 0; sequence.outcome === undefined; right++) {
      const row = first + right;
      const choice = sequence.choose(logits.subarray(row * width, (row + 1) * width), next[row]!);
      this.#events.push({ kind: 'token', id: sequence.request.id, ...choice });
      sequence.outcome = this.#reasonToEnd(sequence, choice.token);
      if (guesses[right] !== choice.token) return right;
      this.#count(sequence, 'accepted', 1);
      if (sequence.outcome !== undefined) return right;
    }
    return 0;
  }

  #reasonToEnd({ request, generated, tokens }: Sequence, token: number): FinishReason | undefined {
    if (request.eosTokenIds.includes(token)) return 'stop';
    if (generated === request.maxNewTokens) return 'length';
    return tokens.length > this.contextTokens ? 'context' : undefined;
  }

  /** Goes back to before the turn and on by those of its tokens that are kept; rows need nothing. */
  #rewind({ sequence, tokens, mark }: Turn, kept: number): void {
    if (mark === undefined) return;
    const slot = sequence.slot!;
    this.#runner.restore(slot, mark);
    this.#runner.run(slot, [{ position: sequence.computed, tokens: tokens.slice(0, kept) }]);
  }

  #start(sequence: Sequence): void {
    if (sequence.start()) {
      this.#totals.prefixQueriedTokens += sequence.request.prompt.length;
      this.#totals.prefixHitTokens += sequence.prefix!.reusedTokens;
    }
  }

  #count(sequence: Sequence, what: 'drafted' | 'accepted', count: number): void {
    sequence[what] += count;
    this.#totals[`${what}Tokens`] += count;
  }

  #removeEnded(turns: readonly Turn[]): void {
    for (const { sequence } of turns)
      if (sequence.outcome !== undefined) this.#end(sequence, sequence.outcome);
  }

  #end(sequence: Sequence, outcome: Outcome): void {
    const { id } = sequence.request;
    this.#scheduler.remove(sequence);
    this.#sequences.delete(id);
    this.#events.push(
      outcome instanceof Error
        ? { kind: 'failed', id, error: outcome }
        : { kind: 'finished', id, reason: outcome, usage: sequence.usage() },
    );
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function requireAllRows({ givesAllRows }: BatchRunner): void {
  if (givesAllRows) return;
  throw new UsageError(
    'to judge guesses the graph must give logits of all tokens, not of the last',
    { hint: "build it with logits: 'all'" },
  );
}
