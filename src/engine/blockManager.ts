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
  /** Rows that it had before it was held, whose memory the next ones may take. */
  unread: DeviceRows | undefined;
}

export interface BlockManagerOptions {
  /** Blocks that there are. */
  readonly blocks: number;
  readonly blockTokens: number;
  /** Snapshots that are kept of states which steps replace, beside the blocks. */
  readonly snapshots: number;
  /** What the copies of published blocks and the snapshots may take in the host's memory. */
  readonly keptBytes: number;
}

export class BlockManager {
  readonly blockTokens: number;
  readonly totalBlocks: number;
  readonly #snapshotLimit: number;
  readonly #byteLimit: number;
  /** Blocks that nobody holds: those that have nothing, and those that are published, the longest let go first. */
  readonly #empty: Set<Block>;
  readonly #kept = new Set<Block>();
  readonly #published = new Map<string, Block>();
  /** The state after the last token of a block, the longest unused first. */
  readonly #snapshots = new Map<Block, DeviceSnapshot>();
  #serials = 0;
  #keptBytes = 0;

  constructor({ blocks, blockTokens, snapshots, keptBytes }: BlockManagerOptions) {
    this.blockTokens = blockTokens;
    this.totalBlocks = blocks;
    this.#snapshotLimit = snapshots;
    this.#byteLimit = keptBytes;
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

  /** Of copies of blocks and of snapshots. */
  get keptBytes(): number {
    return this.#keptBytes;
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
    this.#keepUnread(block, this.#unpublish(block));
    this.#hold(block);
    return block;
  }

  /** Of blocks in the order of their tokens; the last are forgotten first, since others follow from the first. */
  release(blocks: readonly Block[]): void {
    for (const block of blocks.toReversed()) {
      block.holders--;
      if (block.holders > 0) continue;
      this.#keepUnread(block, undefined);
      (block.key === undefined ? this.#empty : this.#kept).add(block);
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
   * Publishes block `index` of a sequence of `tokens` which holds `blocks`, unless its contents find no room, or
   * the block before did not. If the same tokens were published before, the sequence holds that block instead,
   * and `contents` is not asked. It is given rows whose memory it may take, if there are any.
   */
  publish(
    blocks: Block[],
    index: number,
    tokens: readonly number[],
    contents: (unread: DeviceRows | undefined) => BlockContents,
  ): void {
    const before = blocks[index - 1];
    const own = blocks[index]!;
    if (own.key !== undefined || (before !== undefined && before.key === undefined)) return;
    const key = this.#key(tokens, index, before);
    const known = this.#published.get(key);
    if (known !== undefined) {
      this.#hold(known);
      this.release([own]);
      blocks[index] = known;
      return;
    }
    const kept = contents(own.unread);
    this.#keepUnread(own, undefined);
    const bytes = bytesOf(kept);
    if (!this.#makeRoom(bytes)) return;
    this.#keptBytes += bytes;
    own.contents = kept;
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
  keepSnapshot(block: Block, take: () => DeviceSnapshot): void {
    if (this.#snapshotLimit === 0 || block.key === undefined || this.#snapshots.has(block)) return;
    if (this.#snapshots.size === this.#snapshotLimit)
      this.dropSnapshot(first(this.#snapshots.keys())!);
    const snapshot = take();
    if (!this.#makeRoom(snapshot.sizeBytes)) return;
    this.#keptBytes += snapshot.sizeBytes;
    this.#snapshots.set(block, snapshot);
  }

  dropSnapshot(block: Block): void {
    this.#keptBytes -= this.#snapshots.get(block)?.sizeBytes ?? 0;
    this.#snapshots.delete(block);
  }

  /** Forgets what nobody holds. */
  clear(): void {
    for (const block of this.#kept) this.#forget(block);
  }

  /** Forgets what was let go longest ago until so many bytes more may be kept; whether they may. */
  #makeRoom(bytes: number): boolean {
    const isFull = (): boolean => this.#keptBytes + bytes > this.#byteLimit;
    for (const block of this.#kept) {
      if (!isFull()) return true;
      this.#forget(block);
    }
    for (const block of this.#snapshots.keys()) {
      if (!isFull()) return true;
      this.dropSnapshot(block);
    }
    return !isFull();
  }

  #forget(block: Block): void {
    this.#kept.delete(block);
    this.#unpublish(block);
    this.#empty.add(block);
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

  #keepUnread(block: Block, rows: DeviceRows | undefined): void {
    this.#keptBytes += (rows?.sizeBytes ?? 0) - (block.unread?.sizeBytes ?? 0);
    block.unread = rows;
  }

  /** The rows that it had, if it was published. */
  #unpublish(block: Block): DeviceRows | undefined {
    const { key, contents } = block;
    if (key === undefined) return undefined;
    this.#published.delete(key);
    this.#keptBytes -= bytesOf(contents!);
    this.dropSnapshot(block);
    block.key = block.contents = undefined;
    return contents!.rows;
  }
}

function bytesOf({ rows, hidden }: BlockContents): number {
  return rows.sizeBytes + (hidden?.byteLength ?? 0);
}

function first<T>(all: Iterable<T>): T | undefined {
  const [one] = all;
  return one;
}
