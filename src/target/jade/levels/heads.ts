/** Blocks of heads on array and vector unit: the softmax of one runs beside products of others, or of a query. */
import type { Chip } from '../../../chip/index.ts';
import { AccumulatorBanks } from './accumulatorBanks.ts';

/** Pieces of keys or of values: how many, their bytes, cycles of their loads, of scores and of products with values. */
export interface Piece {
  readonly count: number;
  readonly bytes: number;
  readonly loads: number;
  readonly scores: number;
  readonly values: number;
  /** These from the first to the last, where the ring has room for some of the pieces and loads for others wait. */
  readonly pacedScores: number;
  readonly pacedValues: number;
}

/** A block of heads: cycles of the vector unit, and bytes of its sums. */
export interface HeadCost {
  readonly softmax: number;
  readonly finish: number;
  readonly scoreBytes: number;
  readonly valueBytes: number;
  /** Whole pieces of the state, and what is left of it. */
  readonly pieces: Piece;
  readonly rest: Piece | undefined;
  /** 1 where keys are the values. */
  readonly states: number;
}

/** A query: chunks; of each cycles of products and of steps of the vector unit, and bytes of sums. */
export interface QueryCost {
  readonly chunks: number;
  readonly products: number;
  readonly steps: readonly number[];
  readonly sumBytes: number;
}

/** Later than all that does not wait for it. */
const LATE = 2 ** 40;
const NONE = -1;
/** Blocks, key heads or chunks of several, and chunks of one, that show the pace: even numbers. */
const BLOCKS = 8;
const GROUPS = 8;
const CHUNKS = 8;

export class Heads {
  /** Cycles of the array: from the start of the query, from when the vector unit is free, from the first keys, from the last products of the query. */
  afterStart = 0;
  afterVector = 0;
  afterKeys = 0;
  afterQuery = 0;
  private chip!: Chip;
  private head!: HeadCost;
  private readonly banks = new AccumulatorBanks();
  /** The softmax of the block whose values come next, and whether these must be loaded. */
  private pending = NONE;
  private isLoaded = false;
  /** Bytes of the ring of context, and cycles in which it is filled before the first product. */
  private ring = 0;
  private ahead = 0;
  /** When the vector unit is free of what is before the query. */
  private vectorFrom = 0;

  set(chip: Chip, head: HeadCost): void {
    this.chip = chip;
    this.head = head;
  }

  /**
   * Cycles of the array for blocks by themselves, of which `sharing` have the same state, through a ring of so
   * many bytes; the channel has loaded for so many cycles before.
   */
  alone(blocks: number, sharing: number, ring: number, ahead: number): number {
    if (blocks <= BLOCKS) return this.ofBlocks(blocks, sharing, ring, ahead);
    const half = this.ofBlocks(BLOCKS / 2, sharing, ring, ahead);
    const all = this.ofBlocks(BLOCKS, sharing, ring, ahead);
    return continued(all, half, BLOCKS, blocks);
  }

  private ofBlocks(blocks: number, sharing: number, ring: number, ahead: number): number {
    this.start(ring);
    for (let i = 0; i < blocks; i++) this.add(NONE, 0, i % sharing < 1);
    this.addValues();
    this.banks.run(-ahead);
    return this.banks.array;
  }

  /** With a query: each of its chunks is followed by the blocks of key heads whose query was complete before. */
  join(blocks: number, groups: number, query: QueryCost, ring: number, ahead: number): void {
    this.ring = ring;
    this.ahead = ahead;
    this.afterStart = this.joined(blocks, groups, query, 0, 0);
    this.vectorFrom = LATE;
    this.afterVector = this.joined(blocks, groups, query, 0, 0) - LATE;
    this.vectorFrom = 0;
    this.afterKeys = this.joined(blocks, groups, query, LATE, 0) - LATE;
    this.afterQuery = this.joined(blocks, groups, query, 0, LATE) - LATE - query.products;
  }

  /** Of many key heads, as many more as there are at the pace of the last ones. */
  private joined(
    blocks: number,
    groups: number,
    query: QueryCost,
    keysFrom: number,
    lastFrom: number,
  ): number {
    const chunks = query.chunks / groups;
    const few = GROUPS * Math.max(1, Math.ceil(1 / chunks));
    if (groups <= few) return this.ofGroups(blocks, groups, chunks, query, keysFrom, lastFrom);
    const all = this.ofGroups(blocks, few, chunks, query, keysFrom, lastFrom);
    // The last products of a query are before the last groups.
    if (lastFrom > 0) return all;
    const half = this.ofGroups(blocks, few / 2, chunks, query, keysFrom, lastFrom);
    return continued(all, half, few, groups);
  }

  /** Of many blocks with one key head, those more at their pace. */
  private ofGroups(
    blocks: number,
    groups: number,
    chunks: number,
    query: QueryCost,
    keysFrom: number,
    lastFrom: number,
  ): number {
    if (blocks <= BLOCKS) return this.ofChunks(blocks, groups, chunks, query, keysFrom, lastFrom);
    const all = this.ofChunks(BLOCKS, groups, chunks, query, keysFrom, lastFrom);
    const half = this.ofChunks(BLOCKS / 2, groups, chunks, query, keysFrom, lastFrom);
    return continued(all, half, BLOCKS, blocks);
  }

  /** Of many chunks for one key head, those more at their pace; only the last are behind what comes late. */
  private ofChunks(
    blocks: number,
    groups: number,
    chunks: number,
    query: QueryCost,
    keysFrom: number,
    lastFrom: number,
  ): number {
    if (chunks <= CHUNKS) return this.run(blocks, groups, chunks, query, keysFrom, lastFrom);
    const all = this.run(blocks, groups, CHUNKS, query, keysFrom, lastFrom);
    if (keysFrom + lastFrom > 0) return all;
    const half = this.run(blocks, groups, CHUNKS / 2, query, keysFrom, lastFrom);
    return continued(all, half, CHUNKS, chunks);
  }

  private run(
    blocks: number,
    groups: number,
    chunksOfGroup: number,
    { products, steps, sumBytes }: QueryCost,
    keysFrom: number,
    lastFrom: number,
  ): number {
    const { banks } = this;
    const chunks = Math.max(1, Math.round(groups * chunksOfGroup));
    const isLoaded = keysFrom > 0;
    this.start(this.ring);
    let done = 0;
    let before = NONE;
    for (let i = 0; i < chunks; i++) {
      banks.product(products, sumBytes, NONE, i === chunks - 1 ? lastFrom : 0);
      let finished = NONE;
      // Norms of later chunks are loaded behind the keys.
      const from = i > 0 ? keysFrom : 0;
      for (let step = 0; step < steps.length; step++) finished = banks.work(steps[step]!, 1, from);
      const ready = Math.floor((i * groups) / chunks) * blocks;
      for (; done < ready; done++) this.add(before, keysFrom, isLoaded);
      before = finished;
    }
    for (; done < groups * blocks; done++) this.add(before, keysFrom, isLoaded);
    this.addValues();
    banks.run(keysFrom - this.ahead, this.vectorFrom);
    return banks.array;
  }

  private start(ring: number): void {
    this.banks.reset(this.chip, ring);
    this.pending = NONE;
  }

  /** A block, behind vector work; its values come with the next. */
  private add(after: number, keysFrom: number, isLoaded: boolean): void {
    const { banks, head } = this;
    const { pieces, rest } = head;
    banks.product(pieces.pacedScores, head.scoreBytes, after, keysFrom);
    this.addPieces(rest?.pacedScores, isLoaded);
    const softmax = banks.work(head.softmax);
    this.addValues();
    this.pending = softmax;
    this.isLoaded = isLoaded && head.states > 1;
  }

  private addValues(): void {
    const { banks, head, isLoaded, pending } = this;
    if (pending === NONE) return;
    const { pieces, rest } = head;
    banks.product(pieces.pacedValues, head.valueBytes, pending);
    this.addPieces(rest?.pacedValues, isLoaded);
    banks.work(head.finish);
    this.pending = NONE;
  }

  /** Loads of the product just added, and the product with what is left of the state, of so many cycles. */
  private addPieces(restCycles: number | undefined, isLoaded: boolean): void {
    const { banks, head } = this;
    const { pieces, rest } = head;
    if (isLoaded) banks.load(pieces.loads, pieces.count, pieces.bytes);
    if (rest === undefined) return;
    banks.more(restCycles!);
    if (isLoaded) banks.load(rest.loads, 1, rest.bytes);
  }
}

/** `count` rounds, of which `few` take `all` and half of these `half`: the others at the pace of the last ones. */
function continued(all: number, half: number, few: number, count: number): number {
  return all + ((all - half) / (few / 2)) * (count - few);
}
