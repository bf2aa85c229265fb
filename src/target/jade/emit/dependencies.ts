/**
 * What an instruction must wait for: earlier instructions that touch bytes it touches, one of both
 * writing them. Streams run in order, so of each stream only the latest of them matters, and only if no
 * earlier instruction of the same stream has waited for it or a later one already.
 */
import type { Instruction } from '../isa.table.ts';
import { accesses, overlap, type Accesses, type ByteRange } from '../sim/access.ts';

interface Slot {
  readonly index: number;
  readonly access: Accesses;
  readonly stream: number;
  /** Place in its own stream. */
  readonly place: number;
  /** Bounds of what it reads and writes on the chip, to rule out most pairs quickly. */
  readonly reads: ByteRange;
  readonly writes: ByteRange;
}

/**
 * For each instruction the ones before it that it waits for, at most one of each other stream, by their
 * places in the program. `streams` has the stream of each instruction, a number below `count`.
 */
export function dependenciesOf(
  program: readonly Instruction[],
  streams: ArrayLike<number>,
  count: number,
  maxPosition: number,
): readonly (readonly number[])[] {
  const slots: Slot[][] = Array.from({ length: count }, () => []);
  /** Latest place of stream `from` that stream `to` has waited for. */
  const waited = slots.map(() => slots.map(() => -1));
  return program.map((instruction, index) => {
    const stream = streams[index]!;
    const slot = slotOf(instruction, index, stream, slots[stream]!.length, maxPosition);
    const found: number[] = [];
    slots.forEach((others, from) => {
      if (from === stream) return;
      const producer = latestConflict(slot, others, waited[stream]![from]!);
      if (producer === undefined) return;
      waited[stream]![from] = producer.place;
      found.push(producer.index);
    });
    slots[stream]!.push(slot);
    return found;
  });
}

function slotOf(
  instruction: Instruction,
  index: number,
  stream: number,
  place: number,
  maxPosition: number,
): Slot {
  const access = accesses(instruction, maxPosition);
  const [reads, writes] = [boundsOf(access.localReads), boundsOf(access.localWrites)];
  return { index, access, stream, place, reads, writes };
}

function boundsOf(ranges: readonly ByteRange[]): ByteRange {
  const start = Math.min(...ranges.map((range) => range.start));
  return { start, end: Math.max(...ranges.map((range) => range.end)) };
}

/** The last of `others` behind place `waited` that conflicts. */
function latestConflict(slot: Slot, others: readonly Slot[], waited: number): Slot | undefined {
  for (let place = others.length - 1; place > waited; place--) {
    if (conflicts(others[place]!, slot)) return others[place];
  }
  return undefined;
}

function conflicts(a: Slot, b: Slot): boolean {
  return (mayConflict(a, b) && localConflict(a, b)) || memoryConflict(a, b);
}

function mayConflict(a: Slot, b: Slot): boolean {
  return meet(a.writes, b.reads) || meet(a.writes, b.writes) || meet(a.reads, b.writes);
}

function meet(a: ByteRange, b: ByteRange): boolean {
  return a.start < b.end && b.start < a.end;
}

function localConflict({ access: a }: Slot, { access: b }: Slot): boolean {
  return (
    overlap(a.localWrites, b.localReads) ||
    overlap(a.localWrites, b.localWrites) ||
    overlap(a.localReads, b.localWrites)
  );
}

function memoryConflict({ access: a }: Slot, { access: b }: Slot): boolean {
  if (a.memoryWrites.length === 0 && b.memoryWrites.length === 0) return false;
  return overlap(a.memoryWrites, b.memoryReads) || overlap(a.memoryReads, b.memoryWrites);
}
