/**
 * Orders the queues: an instruction that touches bytes an earlier instruction of another queue touches
 * (and one of them writes) waits for its token.
 *
 * Queues run in order, so of all earlier instructions of one queue only the latest matters, and only if
 * no earlier instruction of the waiting queue has waited for it or a later one. Each producer therefore
 * gives at most one token to a queue, and tokens are taken in the order they are given.
 */
import { QUEUES, queueOf, type Instruction } from '../isa.table.ts';
import { accesses, overlap, type Accesses, type ByteRange } from '../sim/access.ts';
import type { LabelledInstruction } from './program.ts';

interface Slot {
  readonly access: Accesses;
  readonly queue: number;
  /** Place in its own queue. */
  readonly place: number;
  /** Bounds of what it reads and writes on the chip, to rule out most pairs quickly. */
  readonly reads: ByteRange;
  readonly writes: ByteRange;
}

export function insertSemaphores(
  program: readonly LabelledInstruction[],
  maxPosition: number,
): LabelledInstruction[] {
  const slots = slotsOf(program, maxPosition);
  const byQueue = QUEUES.map((_, queue) => slots.filter((slot) => slot.queue === queue));
  const waits = new Uint8Array(program.length);
  const signals = new Map<Slot, number>();
  /** Latest place of queue `from` that queue `to` has waited for. */
  const waited = QUEUES.map(() => QUEUES.map(() => -1));
  /** Instructions of each queue so far. */
  const counts = QUEUES.map(() => 0);
  slots.forEach((slot, i) => {
    counts[slot.queue]!++;
    byQueue.forEach((others, from) => {
      if (from === slot.queue) return;
      const producer = latestConflict(slot, others, waited[slot.queue]![from]!, counts[from]!);
      if (producer === undefined) return;
      waited[slot.queue]![from] = producer.place;
      waits[i]! |= 1 << from;
      signals.set(producer, (signals.get(producer) ?? 0) | (1 << slot.queue));
    });
  });
  return program.map(({ instruction, label }, i) => {
    const ordered: Instruction = {
      ...instruction,
      wait: waits[i]!,
      signal: signals.get(slots[i]!) ?? 0,
    };
    return { instruction: ordered, label };
  });
}

function slotsOf(program: readonly LabelledInstruction[], maxPosition: number): Slot[] {
  const counts = QUEUES.map(() => 0);
  return program.map(({ instruction }) => {
    const access = accesses(instruction, maxPosition);
    const queue = QUEUES.indexOf(queueOf(instruction.op));
    const [reads, writes] = [boundsOf(access.localReads), boundsOf(access.localWrites)];
    return { access, queue, place: counts[queue]!++, reads, writes };
  });
}

function boundsOf(ranges: readonly ByteRange[]): ByteRange {
  const start = Math.min(...ranges.map((range) => range.start));
  return { start, end: Math.max(...ranges.map((range) => range.end)) };
}

/** The last of the first `count` instructions of `others` that conflicts, after place `waited`. */
function latestConflict(
  slot: Slot,
  others: readonly Slot[],
  waited: number,
  count: number,
): Slot | undefined {
  for (let place = count - 1; place > waited; place--) {
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
  return overlap(a.memoryWrites, b.memoryReads) || overlap(a.memoryReads, b.memoryWrites);
}
