/**
 * Engine: many requests on one device. A step takes what the device has done and begins what it does next: a chunk of a
 * prompt or, after some of these, to feed each request that decodes its last token, and guesses after it. The device
 * goes on while others are told what came of the step, and while new requests are read. What is chosen does not depend
 * on who else is there.
 */
import { UsageError } from '../base/index.ts';
import type { Device, Target } from '../compile/index.ts';
import type { Graph } from '../ir/index.ts';
import { BatchRunner } from './batchRunner.ts';
import { BlockManager } from './blockManager.ts';
import type { DraftSource } from './draftSource.ts';
import { withDefaults, type EngineOptions } from './engineOptions.ts';
import { PrefixCache } from './prefixCache.ts';
import type { EngineEvent, EngineRequest, EngineStatus, ServingEngine } from './request.ts';
import { requireRequest } from './requireTokens.ts';
import { Scheduler } from './scheduler.ts';
import { Sequence, type Outcome } from './sequence.ts';
import { SlotTable } from './slotTable.ts';
import { asError, TurnRunner, type Turn } from './turns.ts';

export class Engine implements ServingEngine {
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly #runner: BatchRunner;
  readonly #blocks: BlockManager;
  readonly #slots: SlotTable;
  readonly #turns: TurnRunner;
  readonly #scheduler: Scheduler;
  readonly #drafts: DraftSource | undefined;
  readonly #draftSequences: number;
  readonly #stepTokens: number;
  readonly #sequences = new Map<string, Sequence>();
  #events: EngineEvent[] = [];
  /** Waits for the turns that were begun in the last step. */
  #endBegun: () => void = () => {};
  /** Tokens of prompts that may be read before those that decode have their turn. */
  #promptTokens: number;
  /** Chunks that may be read before those that decode have a turn: one for each that waited at their last. */
  #promptChunks = 1;
  #arrivals = 0;
  /** Tokens of prompts that were looked for, and those of them that were there. */
  #prefixQueriedTokens = 0;
  #prefixHitTokens = 0;

  /** Runs `graph` on `device`, which `target` has opened. Throws what the passes of the target throw. */
  constructor(graph: Graph, target: Target, device: Device, options: EngineOptions) {
    const { maxSequences, blockTokens, blocks, snapshots, keptBytes, ...others } =
      withDefaults(options);
    const { drafts, stepTokens = Infinity } = options;
    this.contextTokens = Math.min(options.contextTokens, blocks * blockTokens);
    this.#runner = new BatchRunner(graph, target, device, this.contextTokens);
    this.vocabularySize = this.#runner.vocabularySize;
    this.#blocks = new BlockManager({ blocks, blockTokens, snapshots, keptBytes });
    this.#slots = new SlotTable(maxSequences, this.#runner);
    const prefixes = new PrefixCache(this.#runner, this.#blocks, others.prefixCaching);
    const parts = { runner: this.#runner, blocks: this.#blocks, slots: this.#slots, prefixes };
    this.#turns = new TurnRunner(parts, (event) => this.#events.push(event));
    this.#stepTokens = Math.min(this.#runner.maxTokens, Math.max(blockTokens, stepTokens));
    this.#promptTokens = this.#stepTokens;
    this.#scheduler = new Scheduler(parts, this.#stepTokens);
    this.#drafts = drafts;
    this.#draftSequences = others.draftSequences;
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
    if (!this.#sequences.has(id)) return;
    this.#endBegun();
    const sequence = this.#sequences.get(id);
    if (sequence !== undefined) this.#end(sequence, 'aborted');
  }

  step(): readonly EngineEvent[] {
    this.#endBegun();
    if (!this.#beginPrefill()) this.#beginDecode();
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
      prefixQueriedTokens: this.#prefixQueriedTokens,
      prefixHitTokens: this.#prefixHitTokens,
      draftedTokens: this.#turns.draftedTokens,
      acceptedTokens: this.#turns.acceptedTokens,
      cycles: this.#turns.cycles,
    };
  }

  /** Forgets the beginnings that no request holds. */
  clearPrefixes(): void {
    this.#blocks.clear();
  }

  /** A chunk of a prompt, if any waits and tokens are left for it. */
  #beginPrefill(): boolean {
    if (this.#promptChunks === 0) return false;
    const chunk = this.#scheduler.schedulePrefill(this.#promptTokens);
    if (chunk === undefined) return false;
    this.#start(chunk.sequence);
    // Each costs a step, however few its tokens are.
    this.#promptTokens -= Math.max(chunk.tokens.length, this.#blocks.blockTokens);
    this.#promptChunks--;
    this.#begin([{ ...chunk, guesses: [] }]);
    return true;
  }

  /** A turn for each that decodes; then prompts may be read again. */
  #beginDecode(): void {
    this.#draft();
    this.#begin(this.#scheduler.scheduleDecode().map((sequence) => this.#turnOf(sequence)));
    this.#promptTokens = this.#stepTokens;
    this.#promptChunks = 1 + this.#scheduler.waiting.length;
  }

  #begin(turns: readonly Turn[]): void {
    const end = this.#turns.begin(turns);
    this.#endBegun = () => {
      this.#endBegun = () => {};
      end();
      this.#removeEnded(turns);
    };
  }

  /** Guesses for all that decode, if they are few; a drafter that fails ends its request. */
  #draft(): void {
    const { decoding } = this.#slots;
    const areFew = decoding.length <= this.#draftSequences;
    for (const sequence of decoding) {
      try {
        sequence.guesses = areFew ? this.#guess(sequence) : [];
      } catch (error) {
        this.#end(sequence, asError(error));
      }
    }
  }

  /** The last token of a sequence, and its guesses if there is room for them. */
  #turnOf(sequence: Sequence): Turn {
    const { computed, guesses: all } = sequence;
    const guesses = this.#scheduler.grow(sequence, computed + 1 + all.length) ? all : [];
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
    return sequence.drafter.draft(tokens, sequence.hiddenForDrafter(), most).slice(0, most);
  }

  #start(sequence: Sequence): void {
    if (sequence.start()) {
      this.#prefixQueriedTokens += sequence.request.prompt.length;
      this.#prefixHitTokens += sequence.prefix!.reusedTokens;
    }
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

function requireAllRows({ givesAllRows }: BatchRunner): void {
  if (givesAllRows) return;
  throw new UsageError(
    'to judge guesses the graph must give logits of all tokens, not of the last',
    { hint: "build it with logits: 'all'" },
  );
}
