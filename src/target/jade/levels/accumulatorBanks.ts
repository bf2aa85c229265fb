/**
 * Products whose weights come through a ring and whose sums go round the banks of the accumulators, and what the
 * vector unit does with these: the closed forms of instructions put together as the machine does it.
 *
 * Products and vector work start in their order, whichever can first, the array when both can. A bank serves one
 * of them at a time. Sums are written over others only when those have been read, and weights over others when
 * the product with those has passed the pipeline. A few rounds of a loop are added; it goes on in their pace.
 */
import type { Chip } from '../../../chip/index.ts';
import { LOAD_COMMAND_CYCLES } from '../sim/transferTiming.ts';

const NEVER = Number.POSITIVE_INFINITY;
const NONE = -1;

export class AccumulatorBanks {
  /** When the array is free of the last product, and the vector unit of the last work. */
  array = 0;
  vector = 0;
  private banks = 1;
  private bankBytes = 1;
  private ringBytes = NEVER;
  private pipelineCycles = 0;
  /** From a load's start to its first byte. */
  private startCycles = 0;

  /** Sums: their banks, and the work that reads them. */
  private sums = 0;
  private readonly firstBank: number[] = [];
  private readonly bankCount: number[] = [];
  private readonly reader: number[] = [];
  /** The sums whose bytes they take. */
  private readonly replaced: number[] = [];
  private nextBank = 0;

  /** Products: cycles, sums, work that comes before, the earliest start, and when the array is free of them. */
  private products = 0;
  private readonly cycles: number[] = [];
  private readonly sumsOf: number[] = [];
  private readonly after: number[] = [];
  private readonly from: number[] = [];
  private readonly ends: number[] = [];
  /** Their loads: cycles in all and of the first tile, cycles before them, bytes of the first tile, the end in the ring. */
  private readonly loads: number[] = [];
  private readonly firstLoads: number[] = [];
  private readonly gaps: number[] = [];
  private readonly waitsFor: number[] = [];
  private readonly ringEnds: number[] = [];
  private ringEnd = 0;
  /** Of this round of the ring. */
  private roundEnd = NEVER;

  /** Work: cycles, the first and last sums that it reads, and when the vector unit is free of it. */
  private works = 0;
  private readonly workCycles: number[] = [];
  private readonly workFrom: number[] = [];
  private readonly firstRead: number[] = [];
  private readonly lastRead: number[] = [];
  private readonly workEnds: number[] = [];

  /** In a run: until when units hold each bank, the channel, loads that it has had, and the last of these that has passed. */
  private readonly heldByArray: number[] = [];
  private readonly heldByVector: number[] = [];
  private channel = 0;
  private loaded = 0;
  private firstLoaded = 0;
  private lastLoaded = 0;
  private passed = 0;

  /** Empty, on the accumulators of a chip, with a ring of so many bytes. */
  reset({ accumulator, matrix, memory }: Chip, ringBytes: number): void {
    this.banks = accumulator.banks;
    this.bankBytes = accumulator.sizeBytes / accumulator.banks;
    this.ringBytes = ringBytes;
    this.pipelineCycles = matrix.pipelineCycles;
    this.startCycles = LOAD_COMMAND_CYCLES + memory.latencyCycles;
    this.sums = 0;
    this.products = 0;
    this.works = 0;
    this.nextBank = 0;
    this.ringEnd = 0;
    this.roundEnd = ringBytes;
  }

  /** Adds a product with sums of so many bytes: behind vector work, if any, and not before `from`. */
  product(cycles: number, sumBytes: number, after = NONE, from = 0): void {
    const { banks, bankBytes, sums } = this;
    const count = Math.min(banks, Math.ceil(sumBytes / bankBytes));
    if (this.nextBank + count > banks) this.nextBank = 0;
    this.firstBank[sums] = this.nextBank;
    this.bankCount[sums] = count;
    this.reader[sums] = NONE;
    this.nextBank = (this.nextBank + count) % banks;
    const room =
      count > 1 ? Math.floor(banks / count) : banks * Math.floor(bankBytes / Math.max(1, sumBytes));
    this.replaced[sums] = sums - room;
    this.sums++;
    this.add(cycles, after, from);
  }

  /** Adds another product to the last sums. */
  more(cycles: number): void {
    this.add(cycles, NONE, 0);
  }

  private add(cycles: number, after: number, from: number): void {
    const { products } = this;
    this.cycles[products] = cycles;
    this.sumsOf[products] = this.sums - 1;
    this.after[products] = after;
    this.from[products] = from;
    this.loads[products] = 0;
    this.ringEnds[products] = this.ringEnd;
    this.products++;
  }

  /** Says what the last product loads: cycles on the channel, of how many tiles, their bytes, and cycles before it. */
  load(cycles: number, tiles: number, bytes: number, gap = 0): void {
    const { ringBytes } = this;
    const last = this.products - 1;
    this.loads[last] = cycles;
    this.firstLoads[last] = cycles / tiles;
    this.gaps[last] = gap;
    // A tile that does not fit before the end of the ring goes to its start.
    const tileBytes = bytes / tiles;
    if (this.ringEnd + tileBytes > this.roundEnd) {
      this.ringEnd = this.roundEnd;
      this.roundEnd += ringBytes;
    }
    this.waitsFor[last] = this.ringEnd + tileBytes - ringBytes;
    this.ringEnd += bytes;
    while (this.ringEnd > this.roundEnd) this.roundEnd += ringBytes;
    this.ringEnds[last] = this.ringEnd;
  }

  /** Adds vector work on the last sums, `count` of them, not before `from`; returns its number. */
  work(cycles: number, count = 1, from = 0): number {
    const { works, sums } = this;
    this.workCycles[works] = cycles;
    this.workFrom[works] = from;
    this.firstRead[works] = sums - count;
    this.lastRead[works] = sums - 1;
    for (let i = sums - count; i < sums; i++) this.reader[i] = works;
    return this.works++;
  }

  /** Runs all that was added, with a channel and a vector unit that are free from then on. */
  run(channelFrom = 0, vectorFrom = 0): void {
    this.array = 0;
    this.vector = vectorFrom;
    this.channel = channelFrom;
    this.loaded = 0;
    this.passed = 0;
    for (let bank = 0; bank < this.banks; bank++) {
      this.heldByArray[bank] = 0;
      this.heldByVector[bank] = 0;
    }
    let product = 0;
    let work = 0;
    while (product < this.products || work < this.works) {
      const multiplies = product < this.products ? this.productStart(product, work) : NEVER;
      const finishes = work < this.works ? this.workStart(work, product) : NEVER;
      // Sums that count as more banks than there are would wait for each other for ever.
      if (Math.min(multiplies, finishes) === NEVER)
        this.multiply(product++, Math.max(this.array, this.vector));
      else if (multiplies <= finishes) this.multiply(product++, multiplies);
      else this.finish(work++, finishes);
    }
  }

  /** Never, while it waits for work that has not started. */
  private productStart(product: number, works: number): number {
    if (product === this.loaded) this.loadNext();
    const sums = this.sumsOf[product]!;
    const replaced = this.replaced[sums]!;
    const after = Math.max(this.after[product]!, replaced >= 0 ? this.reader[replaced]! : NONE);
    if (after >= works) return NEVER;
    let start = Math.max(this.array, this.from[product]!, this.firstLoaded);
    if (after >= 0) start = Math.max(start, this.workEnds[after]!);
    return this.whenFree(sums, sums, this.heldByVector, start);
  }

  private workStart(work: number, products: number): number {
    const last = this.lastRead[work]!;
    if (products < this.products && this.sumsOf[products]! <= last) return NEVER;
    // The last product of these sums is the last one before those of others.
    const start = Math.max(
      this.vector,
      this.workFrom[work]!,
      this.endOf(last, products) + this.pipelineCycles,
    );
    return this.whenFree(this.firstRead[work]!, last, this.heldByArray, start);
  }

  private endOf(sums: number, products: number): number {
    let last = products - 1;
    while (this.sumsOf[last]! > sums) last--;
    return this.ends[last]!;
  }

  private whenFree(first: number, last: number, held: readonly number[], start: number): number {
    for (let sums = first; sums <= last; sums++) {
      const end = this.firstBank[sums]! + this.bankCount[sums]!;
      for (let bank = this.firstBank[sums]!; bank < end; bank++)
        if (held[bank]! > start) start = held[bank]!;
    }
    return start;
  }

  private hold(first: number, last: number, held: number[], until: number): void {
    for (let sums = first; sums <= last; sums++) {
      const end = this.firstBank[sums]! + this.bankCount[sums]!;
      for (let bank = this.firstBank[sums]!; bank < end; bank++) held[bank] = until;
    }
  }

  private multiply(product: number, start: number): void {
    const cycles = this.cycles[product]!;
    const loads = this.loads[product]!;
    const lastShare = loads > 0 ? this.firstLoads[product]! / loads : 1;
    const sums = this.sumsOf[product]!;
    this.array = Math.max(start + cycles, this.lastLoaded + lastShare * cycles);
    this.ends[product] = this.array;
    this.hold(sums, sums, this.heldByArray, this.array + this.pipelineCycles);
  }

  private finish(work: number, start: number): void {
    this.vector = start + this.workCycles[work]!;
    this.workEnds[work] = this.vector;
    this.hold(this.firstRead[work]!, this.lastRead[work]!, this.heldByVector, this.vector);
  }

  /** Loads for the next product: all before it have started. */
  private loadNext(): void {
    const product = this.loaded++;
    const cycles = this.loads[product]!;
    this.firstLoaded = 0;
    this.lastLoaded = 0;
    if (cycles === 0) return;
    const start = Math.max(this.channel + this.gaps[product]!, this.ringFree(product));
    this.channel = start + cycles;
    this.firstLoaded = start + this.firstLoads[product]!;
    this.lastLoaded = this.channel;
  }

  /** When the first bytes can come that take the place of others: these may be a part of what a product used. */
  private ringFree(product: number): number {
    const { ringEnds } = this;
    const needed = this.waitsFor[product]!;
    if (needed <= 0) return -NEVER;
    while (ringEnds[this.passed]! < needed) this.passed++;
    const last = this.passed;
    if (last >= product) return -NEVER;
    const bytes = ringEnds[last]! - (last > 0 ? ringEnds[last - 1]! : 0);
    const left = (ringEnds[last]! - needed) / bytes;
    return this.ends[last]! - left * this.cycles[last]! + this.pipelineCycles + this.startCycles;
  }
}
