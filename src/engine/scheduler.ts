/**
 * Scheduler: who runs in a step. Requests start in the order of their arrival (first come, first served).
 * Prompts are read in chunks, one prompt after another; after some tokens of them all that decode get one, so
 * that a long prompt delays the others by no more than that. When blocks run out, the one that came last gives
 * its own back and is computed anew later (preemption by recompute); the oldest always gets on.
 */
import type { BatchRunner } from './batchRunner.ts';
import type { BlockManager } from './blockManager.ts';
import type { PrefixCache } from './prefixCache.ts';
import type { Sequence } from './sequence.ts';
import type { SlotTable } from './slotTable.ts';

/** The next tokens of a prompt to compute. */
export interface Chunk {
  readonly sequence: Sequence;
  readonly tokens: readonly number[];
}

export interface SchedulerParts {
  readonly runner: BatchRunner;
  readonly blocks: BlockManager;
  readonly slots: SlotTable;
  readonly prefixes: PrefixCache;
}

export class Scheduler {
  /** In the order of arrival. */
  readonly waiting: Sequence[] = [];
  preemptions = 0;
  readonly #parts: SchedulerParts;
  readonly #chunkTokens: number;

  /** `chunkTokens`: the most of a chunk of a prompt. */
  constructor(parts: SchedulerParts, chunkTokens: number) {
    this.#parts = parts;
    this.#chunkTokens = chunkTokens;
  }

  /** Those that decode in this step, each with a block for its next token; they have the first slots. */
  scheduleDecode(): readonly Sequence[] {
    const { slots } = this.#parts;
    for (const sequence of slots.decoding.toSorted((a, b) => a.arrival - b.arrival)) {
      while (sequence.slot !== undefined && !this.grow(sequence, sequence.computed + 1))
        this.#preempt(newest(slots.sequences));
    }
    return slots.decoding;
  }

  /** Gives a sequence blocks for so many tokens, if there are. */
  grow({ blocks: held }: Sequence, tokens: number): boolean {
    const { blocks } = this.#parts;
    const missing = Math.max(0, blocks.blocksFor(tokens) - held.length);
    if (!blocks.canAllocate(missing)) return false;
    for (let i = 0; i < missing; i++) held.push(blocks.allocate());
    return true;
  }

  /**
   * The next chunk of a prompt, if it has at most `left` tokens. None is cut to fit into what is left: in two parts a
   * prompt takes longer, and more lengths need more programs.
   */
  schedulePrefill(left: number): Chunk | undefined {
    const sequence = this.#parts.slots.prefilling ?? this.#admit();
    if (sequence === undefined) return undefined;
    const tokens = sequence.tokens.slice(sequence.computed, this.#chunkEnd(sequence));
    return tokens.length <= left ? { sequence, tokens } : undefined;
  }

  /** Takes a sequence out, running or waiting, and gives back what it holds. */
  remove(sequence: Sequence): void {
    const index = this.waiting.indexOf(sequence);
    if (index >= 0) this.waiting.splice(index, 1);
    if (sequence.slot !== undefined) this.#parts.slots.remove(sequence);
    this.#parts.blocks.release(sequence.blocks);
    sequence.forget();
  }

  /** The first that waits, if there is a slot and blocks for all its tokens. */
  #admit(): Sequence | undefined {
    const { slots, prefixes, blocks } = this.#parts;
    const [sequence] = this.waiting;
    if (sequence === undefined || slots.isFull) return undefined;
    const found = prefixes.find(sequence);
    blocks.acquire(found.blocks);
    sequence.blocks = [...found.blocks];
    const grown = this.grow(sequence, sequence.tokens.length);
    // A block more for each that runs, so that this one is not sent away at once.
    if (!grown || !blocks.canAllocate(slots.sequences.length)) {
      blocks.release(sequence.blocks);
      sequence.blocks = [];
      return undefined;
    }
    this.waiting.shift();
    slots.add(sequence);
    prefixes.takeOver(sequence, found);
    return sequence;
  }

  /**
   * A chunk ends at the end of the prompt, or where a snapshot is wanted, or else with a block: so chunks have
   * few lengths, and each needs a program.
   */
  #chunkEnd({ computed, tokens, branch }: Sequence): number {
    const { runner, blocks } = this.#parts;
    const { blockTokens } = blocks;
    const whole = (count: number): number => Math.floor(count / blockTokens) * blockTokens;
    const snapshots = runner.recurrent ? [branch, whole(tokens.length)] : [];
    const wanted = [...snapshots, tokens.length].filter((at) => at > computed);
    const most = computed + this.#chunkTokens;
    const end = Math.min(...wanted);
    if (end <= most) return end;
    return whole(most) > computed ? whole(most) : most;
  }

  #preempt(sequence: Sequence): void {
    this.preemptions++;
    this.remove(sequence);
    const later = this.waiting.findIndex(({ arrival }) => arrival > sequence.arrival);
    this.waiting.splice(later < 0 ? this.waiting.length : later, 0, sequence);
  }
}

function newest(sequences: readonly Sequence[]): Sequence {
  return sequences.reduce((a, b) => (a.arrival > b.arrival ? a : b));
}
