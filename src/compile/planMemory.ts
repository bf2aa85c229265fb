/**
 * The memory planner: gives every buffer an address such that no two buffers that live at the same
 * time overlap. Lifetimes are step indices in program order.
 *
 * A `ring` region is filled in order of first use and wraps: what was used longest ago is overwritten
 * first, so transfers into it can run ahead of their use.
 *
 * In the other regions buffers larger than a bank are placed first, the largest first: in a `pack` region
 * at the lowest address that is free, which keeps room for others; in a `rotate` region each behind the
 * last. Small ones then go round: each to the bank after the last one taken, and there after the last
 * buffer placed. Buffers used together thus lie in different banks, and bytes are reused late (reuse
 * orders instructions that are otherwise independent).
 */
import { CapacityError } from '../base/index.ts';

export interface Region {
  readonly name: string;
  readonly start: number;
  readonly sizeBytes: number;
  /** Bytes of a bank; buffers no larger than one do not straddle two. */
  readonly bankBytes: number;
  readonly policy: 'ring' | 'rotate' | 'pack';
}

export interface PlannedBuffer {
  readonly name: string;
  readonly region: string;
  readonly sizeBytes: number;
  /** First and last step, in program order, that touches the buffer. */
  readonly first: number;
  readonly last: number;
}

/** Byte address of each buffer. */
export type BufferPlan = ReadonlyMap<PlannedBuffer, number>;

/** Every buffer starts at a multiple of this, a scratchpad word. */
export const BUFFER_ALIGNMENT_BYTES = 64;

/** Throws CapacityError naming the buffer, what it needs and what the region has. */
export function planMemory(
  buffers: readonly PlannedBuffer[],
  regions: readonly Region[],
): BufferPlan {
  const plan = new Map<PlannedBuffer, number>();
  for (const region of regions) {
    const own = buffers.filter((buffer) => buffer.region === region.name);
    own.sort((a, b) => a.first - b.first);
    const planner = new RegionPlanner(region);
    if (region.policy === 'ring') own.forEach((buffer) => planner.placeInRing(buffer));
    else planner.placeByBank(own);
    planner.placed.forEach(({ buffer, offset }) => plan.set(buffer, region.start + offset));
  }
  return plan;
}

interface Placed {
  readonly buffer: PlannedBuffer;
  readonly offset: number;
  readonly end: number;
}

class RegionPlanner {
  readonly placed: Placed[] = [];
  /** Those of them that may live at the same time as a buffer to come. */
  private candidates: Placed[] = [];
  private readonly region: Region;
  private cursor = 0;
  private bank = 0;
  /** Behind the last buffer placed in a bank; of banks that have had one. */
  private readonly bankCursors = new Map<number, number>();

  constructor(region: Region) {
    this.region = region;
  }

  /** At the cursor if free, else at the next free place after it, else from the start. */
  placeInRing(buffer: PlannedBuffer): void {
    this.forgetBefore(buffer.first);
    this.placeBehindLast(buffer, BUFFER_ALIGNMENT_BYTES);
  }

  private placeBehindLast(buffer: PlannedBuffer, alignment: number): void {
    const { sizeBytes } = this.region;
    const others = this.livingWith(buffer);
    const free = [this.cursor, 0, ...others.map((other) => other.end)]
      .map((offset) => roundUp(offset, alignment))
      .toSorted((a, b) => a - b)
      .filter((offset) => this.isFree(buffer, offset, sizeBytes, others));
    this.cursor = this.put(buffer, free.find((offset) => offset >= this.cursor) ?? free[0], others);
  }

  placeByBank(buffers: readonly PlannedBuffer[]): void {
    const { bankBytes, policy } = this.region;
    const isLarge = (buffer: PlannedBuffer): boolean => align(buffer.sizeBytes) > bankBytes;
    const large = buffers.filter(isLarge).toSorted((a, b) => b.sizeBytes - a.sizeBytes);
    for (const buffer of large) {
      if (policy === 'rotate') this.placeBehindLast(buffer, bankBytes);
      else this.placeLow(buffer);
    }
    for (const buffer of buffers) if (!isLarge(buffer)) this.placeInNextBank(buffer);
  }

  private placeLow(buffer: PlannedBuffer): void {
    const others = this.livingWith(buffer);
    const sizeBytes = align(buffer.sizeBytes);
    let free = 0;
    for (const { offset, end } of others.toSorted((a, b) => a.offset - b.offset)) {
      if (free + sizeBytes <= offset) break;
      free = Math.max(free, end);
    }
    this.put(buffer, free + sizeBytes <= this.region.sizeBytes ? free : undefined, others);
  }

  private placeInNextBank(buffer: PlannedBuffer): void {
    this.forgetBefore(buffer.first);
    const others = this.livingWith(buffer);
    const banks = Math.floor(this.region.sizeBytes / this.region.bankBytes);
    for (let step = 0; step < banks;) {
      const bank = (this.bank + step) % banks;
      const offset = this.findInBank(buffer, bank, others);
      if (offset !== undefined) {
        this.bankCursors.set(bank, this.put(buffer, offset, others));
        this.bank = bank + 1;
        return;
      }
      step += this.banksFilled(bank, others);
    }
    this.put(buffer, undefined, others);
  }

  /** How many banks from `bank` on, which has no room, one other buffer fills; at least this one. */
  private banksFilled(bank: number, others: readonly Placed[]): number {
    const { bankBytes } = this.region;
    const start = bank * bankBytes;
    const other = others.find(({ offset, end }) => offset <= start && end >= start + bankBytes);
    return other === undefined ? 1 : Math.floor(other.end / bankBytes) - bank;
  }

  private findInBank(
    buffer: PlannedBuffer,
    bank: number,
    others: readonly Placed[],
  ): number | undefined {
    const start = bank * this.region.bankBytes;
    const end = start + this.region.bankBytes;
    const ends = others
      .map((other) => other.end)
      .filter((offset) => offset > start && offset < end);
    const candidates = [this.bankCursors.get(bank) ?? start, start, ...ends];
    return candidates.find((offset) => this.isFree(buffer, offset, end, others));
  }

  /** Buffers come in order of first use from now on: none lives with one that ended before `first`. */
  private forgetBefore(first: number): void {
    this.candidates = this.candidates.filter(({ buffer }) => buffer.last >= first);
  }

  private livingWith(buffer: PlannedBuffer): Placed[] {
    return this.candidates.filter(
      (other) => other.buffer.first <= buffer.last && buffer.first <= other.buffer.last,
    );
  }

  private isFree(
    buffer: PlannedBuffer,
    offset: number,
    limit: number,
    others: readonly Placed[],
  ): boolean {
    const end = offset + align(buffer.sizeBytes);
    return end <= limit && others.every((other) => end <= other.offset || other.end <= offset);
  }

  /** Returns the end of the buffer. */
  private put(
    buffer: PlannedBuffer,
    offset: number | undefined,
    others: readonly Placed[],
  ): number {
    if (offset === undefined) throw doesNotFit(buffer, this.region, others);
    const end = offset + align(buffer.sizeBytes);
    const placed = { buffer, offset, end };
    this.placed.push(placed);
    this.candidates.push(placed);
    return end;
  }
}

function align(sizeBytes: number): number {
  return roundUp(sizeBytes, BUFFER_ALIGNMENT_BYTES);
}

function roundUp(bytes: number, multiple: number): number {
  return Math.ceil(bytes / multiple) * multiple;
}

function doesNotFit(
  buffer: PlannedBuffer,
  region: Region,
  others: readonly Placed[],
): CapacityError {
  const used = others.reduce((sum, other) => sum + other.end - other.offset, 0);
  return new CapacityError(
    `${buffer.name} needs ${buffer.sizeBytes} bytes of the ${region.name} (${region.sizeBytes} bytes), of which ${used} hold values still in use`,
    {
      where: buffer.name,
      hint: 'use fewer tokens a step, a shorter context, or a chip with more memory',
    },
  );
}
