/**
 * Blocks: the state of so many tokens of a sequence, the unit in which capacity is counted and beginnings
 * are shared.
 *
 * A sequence holds a block for each `blockTokens` of its tokens, the last one in part. A block whose tokens
 * are all computed is published: under its tokens and those before them it has a copy of its rows, so that a
 * sequence that begins with the same tokens takes them over instead of computing them. A block that nobody
 * holds keeps what it has until its place is needed; the one that was let go longest ago goes first.
 *
 * Tokens are compared, not hashes of them: what is found is right. A block is a child of the published block
 * before it, so equal blocks after different beginnings are different.
 */
import type { DeviceRows, DeviceSnapshot } from '../compile/index.ts';

/** What a published block has a copy of. */
export interface BlockContents {
  readonly rows: DeviceRows;
  /** The hidden rows of its tokens, where the graph gives such. */
  readonly hidden?: Float32Array;
}

/** A place for the state of `blockTokens` tokens. */
export class Block {
  /** Sequences that hold it. */
  holders = 0;
  /** Where it is found, when it is published. */
  key: string | undefined;
  /** Tells this publication from all others: part of the keys of the blocks that follow. */
  serial = 0;
  contents: BlockContents | undefined;
}

export interface BlockManagerOptions {
  /** Blocks that there are. */
  readonly blocks: number;
  readonly blockTokens: number;
  /** Snapshots that are kept of states which steps replace, beside the blocks. */
  readonly snapshots: number;
}

export class BlockManager {
  readonly blockTokens: number;
  readonly totalBlocks: number;
  readonly #snapshotLimit: number;
  /** Blocks that nobody holds: those that have nothing, and those that are published, the longest let go first. */
  readonly #empty: Set<Block>;
  readonly #kept = new Set<Block>();
  readonly #published = new Map<string, Block>();
  /** The state after the last token of a block, the longest unused first. */
  readonly #snapshots = new Map<Block, DeviceSnapshot>();
  #serials = 0;

  constructor({ blocks, blockTokens, snapshots }: BlockManagerOptions) {
    this.blockTokens = blockTokens;
    this.totalBlocks = blocks;
    this.#snapshotLimit = snapshots;
    this.#empty = new Set(Array.from({ length: blocks }, () => new Block()));
  }

  /** Blocks that sequences hold. */
  get usedBlocks(): number {
    return this.totalBlocks - this.#empty.size - this.#kept.size;
  }

  /** Blocks that can be found by what begins a sequence. */
  get publishedBlocks(): number {
    return this.#published.size;
  }

  get snapshots(): number {
    return this.#snapshots.size;
  }

  /** Blocks that so many tokens take. */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockTokens);
  }

  canAllocate(count: number): boolean {
    return count <= this.#empty.size + this.#kept.size;
  }

  /** A block for one holder, empty: what it had is forgotten. There must be one: see `canAllocate`. */
  allocate(): Block {
    const [block = first(this.#kept)] = this.#empty;
    if (block === undefined) throw new Error('a block must be free: ask canAllocate first');
    this.#unpublish(block);
    this.#hold(block);
    return block;
  }

  /** Of blocks in the order of their tokens; the last are forgotten first, since others follow from the first. */
  release(blocks: readonly Block[]): void {
    for (const block of blocks.toReversed()) {
      block.holders--;
      if (block.holders === 0) (block.key === undefined ? this.#empty : this.#kept).add(block);
    }
  }

  /** The published blocks that `tokens` begin with. */
  match(tokens: readonly number[]): Block[] {
    const found: Block[] = [];
    for (;;) {
      const block = this.#published.get(this.#key(tokens, found.length, found.at(-1)));
      if (block === undefined) return found;
      found.push(block);
    }
  }

  /** How many of matched blocks come before a place that a sequence can go on from, a snapshot being needed. */
  lastSnapshot(blocks: readonly Block[]): number {
    return blocks.findLastIndex((block) => this.#snapshots.has(block)) + 1;
  }

  /** Makes a sequence a holder of matched blocks. */
  acquire(blocks: readonly Block[]): void {
    for (const block of blocks) this.#hold(block);
  }

  /**
   * Publishes block `index` of a sequence of `tokens` which holds `blocks`. If the same tokens were published
   * before, the sequence holds that block instead, and `contents` is not asked.
   */
  publish(
    blocks: Block[],
    index: number,
    tokens: readonly number[],
    contents: () => BlockContents,
  ): void {
    const key = this.#key(tokens, index, blocks[index - 1]);
    const own = blocks[index]!;
    const known = this.#published.get(key);
    if (known === own) return;
    if (known !== undefined) {
      this.#hold(known);
      this.release([own]);
      blocks[index] = known;
      return;
    }
    own.contents = contents();
    own.key = key;
    own.serial = ++this.#serials;
    this.#published.set(key, own);
  }

  /** The state after the last token of a published block; used now. */
  snapshotAfter(block: Block): DeviceSnapshot | undefined {
    const snapshot = this.#snapshots.get(block);
    if (snapshot === undefined) return undefined;
    this.#snapshots.delete(block);
    this.#snapshots.set(block, snapshot);
    return snapshot;
  }

  /** Keeps the state after the last token of a published block, in place of the longest unused. */
  keepSnapshot(block: Block, snapshot: () => DeviceSnapshot): void {
    if (this.#snapshotLimit === 0 || this.#snapshots.has(block)) return;
    if (this.#snapshots.size === this.#snapshotLimit) {
      const [oldest] = this.#snapshots.keys();
      this.#snapshots.delete(oldest!);
    }
    this.#snapshots.set(block, snapshot());
  }

  dropSnapshot(block: Block): void {
    this.#snapshots.delete(block);
  }

  /** Forgets what nobody holds. */
  clear(): void {
    for (const block of this.#kept) {
      this.#unpublish(block);
      this.#empty.add(block);
    }
    this.#kept.clear();
  }

  #key(tokens: readonly number[], index: number, before: Block | undefined): string {
    const from = index * this.blockTokens;
    const own = tokens.slice(from, from + this.blockTokens);
    return own.length < this.blockTokens ? '' : `${before?.serial ?? 0}:${own.join()}`;
  }

  #hold(block: Block): void {
    block.holders++;
    this.#empty.delete(block);
    this.#kept.delete(block);
  }

  #unpublish(block: Block): void {
    if (block.key !== undefined) this.#published.delete(block.key);
    block.key = undefined;
    block.contents = undefined;
    this.#snapshots.delete(block);
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  const [one] = set;
  return one;
}
