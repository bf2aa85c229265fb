/**
 * Beginnings that were computed before: what a sequence takes over from published blocks, and what it
 * publishes.
 *
 * Rows of a block serve every sequence that begins with the same tokens. States that steps replace (of
 * recurrences, windows, compressors) are there only where a snapshot was taken: a sequence of a model that
 * has such goes on from the last snapshot among its blocks, whatever rows come after. Snapshots are taken
 * where a chunk of a prompt ends with a block, where two texts were seen to part, and at the newest block
 * that generating has filled.
 */
import type { BatchRunner } from './batchRunner.ts';
import type { Block, BlockManager } from './blockManager.ts';
import type { PrefixReuse } from './request.ts';
import type { Sequence } from './sequence.ts';

/** What was found for a sequence. */
export interface FoundPrefix {
  /** Those that it takes over. */
  readonly blocks: readonly Block[];
  readonly reuse: PrefixReuse;
}

export class PrefixCache {
  readonly #runner: BatchRunner;
  readonly #blocks: BlockManager;
  readonly #isOn: boolean;

  constructor(runner: BatchRunner, blocks: BlockManager, isOn: boolean) {
    this.#runner = runner;
    this.#blocks = blocks;
    this.#isOn = isOn;
  }

  /** What a sequence can take over: not its last token, whose logits are wanted. */
  find({ tokens }: Sequence): FoundPrefix {
    const { blockTokens } = this.#blocks;
    const whole = Math.floor((tokens.length - 1) / blockTokens);
    const found = this.#isOn ? this.#blocks.match(tokens).slice(0, whole) : [];
    const usable = this.#runner.recurrent ? this.#blocks.lastSnapshot(found) : found.length;
    const unknown = found.length < whole ? 'unknown' : 'short';
    const miss = !this.#isOn ? 'off' : usable < found.length ? 'snapshot' : unknown;
    return {
      blocks: found.slice(0, usable),
      reuse: {
        foundTokens: found.length * blockTokens,
        reusedTokens: usable * blockTokens,
        miss,
      },
    };
  }

  /** Counts what was found, whose blocks the sequence holds, as computed; `fill` then makes it so. */
  takeOver(sequence: Sequence, { blocks, reuse }: FoundPrefix): void {
    sequence.computed = reuse.reusedTokens;
    sequence.published = blocks.length;
    sequence.branch = reuse.foundTokens;
    sequence.prefix ??= reuse;
    sequence.unfilled = blocks;
    // Kept there too: while a chunk waits, others may take its place among the snapshots.
    const last = blocks.at(-1);
    sequence.resumesFrom =
      this.#runner.recurrent && last ? this.#blocks.snapshotAfter(last) : undefined;
  }

  /** Brings what a sequence has taken over to its slot, once. */
  fill(sequence: Sequence): void {
    const { unfilled: blocks } = sequence;
    if (blocks.length === 0) return;
    const slot = sequence.slot!;
    for (const { contents } of blocks) {
      this.#runner.loadRows(slot, contents!.rows);
      sequence.keepHidden(contents!.hidden, this.#blocks.blockTokens);
    }
    if (sequence.resumesFrom) this.#runner.restore(slot, sequence.resumesFrom);
    sequence.resumesFrom = undefined;
    sequence.unfilled = [];
  }

  /** Publishes the blocks of a sequence that its last step has filled; `isExact`: its slot has no token more. */
  publish(sequence: Sequence, isExact: boolean): void {
    if (!this.#isOn) return;
    const { blockTokens } = this.#blocks;
    const { blocks, tokens, computed, slot } = sequence;
    for (; (sequence.published + 1) * blockTokens <= computed; sequence.published++) {
      const from = sequence.published * blockTokens;
      this.#blocks.publish(blocks, sequence.published, tokens, (unread) => ({
        rows: this.#runner.saveRows(slot!, from, from + blockTokens, unread),
        ...sequence.hiddenOf(from, from + blockTokens),
      }));
    }
    if (this.#runner.recurrent && isExact && computed % blockTokens === 0)
      this.#keepSnapshot(sequence, blocks[computed / blockTokens - 1]!);
  }

  #keepSnapshot(sequence: Sequence, block: Block): void {
    this.#blocks.keepSnapshot(block, () => this.#runner.snapshot(sequence.slot!));
    if (sequence.computed <= sequence.request.prompt.length) return;
    if (sequence.snapshotBlock !== undefined) this.#blocks.dropSnapshot(sequence.snapshotBlock);
    sequence.snapshotBlock = block;
  }
}
