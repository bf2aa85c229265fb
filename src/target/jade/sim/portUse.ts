/**
 * The ports at which an instruction can wait, or keep another waiting. Most that it holds are none of
 * these: semaphores already keep those apart that use them. To leave them out changes no start.
 *
 * An instruction starts when those whose tokens it takes are complete, and with them all that was complete
 * when they started, or stands before them in their queues, as queues complete in order. Two instructions
 * of different queues meet at a port only when neither is known to be complete before the other starts.
 */
import type { Chip } from '../../../chip/index.ts';
import { QUEUES, type Instruction } from '../isa.table.ts';
import { bankCountOf, bankUseOf } from './banks.ts';

const QUEUE_COUNT = QUEUES.length;

/** Ports of all instructions, one list behind the other. A bank has two: to read (bank) and to write (count + bank). */
export interface PortLists {
  /** Where the list of each instruction begins, and the end of the last. */
  readonly first: Int32Array;
  readonly ports: Int32Array;
  /** Ports of the chip. */
  readonly count: number;
}

/** All ports that each instruction holds from its start to its completion. */
export function portsHeld(instructions: readonly Instruction[], chip: Chip): PortLists {
  const banks = bankCountOf(chip);
  const lists = instructions.map((instruction) => {
    const { read, write } = bankUseOf(instruction, chip);
    return [...read, ...write.map((bank) => banks + bank)];
  });
  const first = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (first[i + 1] = first[i]! + list.length));
  return { first, ports: Int32Array.from(lists.flat()), count: 2 * banks };
}

/** What orders the instructions of a program. */
export interface Order {
  /** Queue of each instruction, and its place there. */
  readonly queues: Uint8Array;
  readonly places: Int32Array;
  /** Masks of the queues it takes tokens from, and gives them to. */
  readonly waits: Uint8Array;
  readonly signals: Uint8Array;
}

/** For each instruction, and by queue: how many are surely complete when it starts. */
function completeBefore(order: Order): Int32Array {
  const knowledge = new Knowledge(order);
  for (let index = 0; index < order.queues.length; index++) knowledge.add(index);
  return knowledge.complete;
}

class Knowledge {
  readonly complete: Int32Array;
  private readonly order: Order;
  /** By pair of queues, from · queues + to: who gives its tokens, and how many are taken. */
  private readonly givers: readonly number[][];
  private readonly taken = new Int32Array(QUEUE_COUNT ** 2);
  /** The last instruction of each queue. */
  private readonly last = new Int32Array(QUEUE_COUNT).fill(-1);

  constructor(order: Order) {
    this.order = order;
    this.complete = new Int32Array(order.queues.length * QUEUE_COUNT);
    this.givers = Array.from({ length: QUEUE_COUNT ** 2 }, () => []);
  }

  add(index: number): void {
    const { queues, waits, signals } = this.order;
    const queue = queues[index]!;
    if (this.last[queue]! >= 0) this.include(index, this.last[queue]!);
    this.last[queue] = index;
    for (let other = 0; other < QUEUE_COUNT; other++) {
      if ((waits[index]! & (1 << other)) !== 0) this.take(index, other, queue);
      if ((signals[index]! & (1 << other)) !== 0)
        this.givers[queue * QUEUE_COUNT + other]!.push(index);
    }
  }

  /** A giver that comes later in the program says nothing yet: less is known, and more ports are kept. */
  private take(index: number, from: number, to: number): void {
    const pair = from * QUEUE_COUNT + to;
    const giver = this.givers[pair]![this.taken[pair]!++];
    if (giver === undefined) return;
    this.include(index, giver);
    const at = index * QUEUE_COUNT + from;
    this.complete[at] = Math.max(this.complete[at]!, this.order.places[giver]! + 1);
  }

  /** All that is complete before `other` is complete before `index`. */
  private include(index: number, other: number): void {
    const { complete } = this;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      const at = index * QUEUE_COUNT + queue;
      complete[at] = Math.max(complete[at]!, complete[other * QUEUE_COUNT + queue]!);
    }
  }
}

/** `lists` without the ports at which an instruction meets none of another queue. */
export function whereQueuesMeet(lists: PortLists, order: Order): PortLists {
  const { first, ports, count } = lists;
  const complete = completeBefore(order);
  const owners = new Int32Array(ports.length);
  /** Entries of the lists by port and queue, port · queues + queue. */
  const users = Array.from({ length: count * QUEUE_COUNT }, (): number[] => []);
  order.queues.forEach((queue, index) => {
    for (let entry = first[index]!; entry < first[index + 1]!; entry++) {
      owners[entry] = index;
      users[ports[entry]! * QUEUE_COUNT + queue]!.push(entry);
    }
  });
  const meets = new Uint8Array(ports.length);
  for (let user = 0; user < users.length; user++) {
    const port = user - (user % QUEUE_COUNT);
    for (let rival = port; rival < port + QUEUE_COUNT; rival++)
      if (rival !== user) markMeetings(users[user]!, users[rival]!, owners, order, complete, meets);
  }
  return filtered(lists, meets);
}

/** Marks the entries of one queue whose instructions meet one of the other queue. */
function markMeetings(
  entries: readonly number[],
  rivals: readonly number[],
  owners: Int32Array,
  { queues, places }: Order,
  complete: Int32Array,
  meets: Uint8Array,
): void {
  if (entries.length === 0 || rivals.length === 0) return;
  const queue = queues[owners[entries[0]!]!]!;
  const other = queues[owners[rivals[0]!]!]!;
  let next = 0;
  for (const entry of entries) {
    const index = owners[entry]!;
    const done = complete[index * QUEUE_COUNT + other]!;
    while (next < rivals.length && places[owners[rivals[next]!]!]! < done) next++;
    if (next === rivals.length) return;
    // Of the rivals that may still be at work or to come, the first knows least to be complete.
    const known = complete[owners[rivals[next]!]! * QUEUE_COUNT + queue]!;
    if (known <= places[index]!) meets[entry] = 1;
  }
}

function filtered({ first, ports, count }: PortLists, kept: Uint8Array): PortLists {
  const before = new Int32Array(kept.length + 1);
  kept.forEach((is, entry) => (before[entry + 1] = before[entry]! + is));
  return {
    first: first.map((entry) => before[entry]!),
    ports: ports.filter((_, entry) => kept[entry] === 1),
    count,
  };
}
