/**
 * The memory planner: gives every buffer an address such that no two buffers that live at the same
 * time overlap. Lifetimes are step indices in program order.
 *
 * A `ring` region is filled in order of first use and wraps: what was used longest ago is overwritten
 * first, so transfers into it can run ahead of their use. A `rotate` region starts each search at the
 * bank after the last one taken, so that buffers used together tend to lie in different banks and
 * freed space is reused late (reuse orders instructions that are otherwise independent).
 */
import { CapacityError } from '../base/index.ts';

export interface Region {
  readonly name: string;
  readonly start: number;
  readonly sizeBytes: number;
  /** Bytes of a bank; buffers no larger than one do not straddle two. */
  readonly bankBytes: number;
  readonly policy: 'ring' | 'rotate';
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
export function planMemory(buffers: readonly PlannedBuffer[], regions: readonly Region[]): BufferPlan {
  const plan = new Map<PlannedBuffer, number>();
  for (const region of regions) {
    const own = buffers.filter((buffer) => buffer.region === region.name);
    own.sort((a, b) => a.first - b.first);
    placeAll(own, region, plan);
  }
  return plan;
}

function placeAll(buffers: readonly PlannedBuffer[], region: Region, plan: Map<PlannedBuffer, number>): void {
  let live: PlannedBuffer[] = [];
  let cursor = 0;
  for (const buffer of buffers) {
    live = live.filter((other) => other.last >= buffer.first);
    const occupied = live.map((other) => [plan.get(other)! - region.start, align(other.sizeBytes)] as const);
    const offset = findGap(align(buffer.sizeBytes), cursor, region, occupied);
    if (offset === undefined) throw doesNotFit(buffer, region, live);
    plan.set(buffer, region.start + offset);
    live.push(buffer);
    cursor = nextCursor(offset, align(buffer.sizeBytes), region);
  }
}

function align(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BUFFER_ALIGNMENT_BYTES) * BUFFER_ALIGNMENT_BYTES;
}

function nextCursor(offset: number, size: number, region: Region): number {
  const end = offset + size;
  if (region.policy === 'ring') return end;
  return Math.ceil(end / region.bankBytes) * region.bankBytes;
}

/** The first free offset at or after the cursor, else the first from the start. */
function findGap(
  size: number,
  cursor: number,
  region: Region,
  occupied: readonly (readonly [number, number])[],
): number | undefined {
  const ends = occupied.map(([offset, length]) => offset + length);
  const bankStarts = Array.from({ length: Math.ceil(region.sizeBytes / region.bankBytes) }, (_, i) => i * region.bankBytes);
  const candidates = [...new Set([0, cursor, ...ends, ...(region.policy === 'rotate' ? bankStarts : [])])]
    .map((offset) => withinBank(offset, size, region))
    .filter((offset) => offset + size <= region.sizeBytes)
    .filter((offset) => occupied.every(([o, length]) => offset + size <= o || o + length <= offset));
  const ordered = candidates.toSorted((a, b) => a - b);
  return ordered.find((offset) => offset >= cursor) ?? ordered[0];
}

/** Moves an offset to the next bank when the buffer would straddle two and fits in one. */
function withinBank(offset: number, size: number, region: Region): number {
  if (region.policy === 'ring' || size > region.bankBytes) return offset;
  const bank = Math.floor(offset / region.bankBytes);
  return Math.floor((offset + size - 1) / region.bankBytes) === bank ? offset : (bank + 1) * region.bankBytes;
}

function doesNotFit(buffer: PlannedBuffer, region: Region, live: readonly PlannedBuffer[]): CapacityError {
  const used = live.reduce((sum, other) => sum + align(other.sizeBytes), 0);
  return new CapacityError(
    `${buffer.name} needs ${buffer.sizeBytes} bytes of the ${region.name} (${region.sizeBytes} bytes), of which ${used} hold values still in use`,
    { where: buffer.name, hint: 'use fewer tokens a step, a shorter context, or a chip with more memory' },
  );
}
