/**
 * A program as the clock reads it: columns of numbers instead of objects, because each start reads them
 * several times. Made once a program.
 */
import type { Chip } from '../../../chip/index.ts';
import { QUEUES, queueOf, type Instruction } from '../isa.table.ts';
import { portsHeld, whereQueuesMeet, type PortLists } from './portUse.ts';

const QUEUE_COUNT = QUEUES.length;

/** In place of an instruction, behind the last of a queue. */
export const NONE_LEFT = -1;

/** The lowest queue of a mask that is not empty. */
export function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

export class TimedProgram {
  readonly chip: Chip;
  readonly instructions: readonly Instruction[];
  /** Queue of each instruction. */
  readonly queues: Uint8Array;
  /** Instructions of each queue, in program order, and the place of each among them. */
  readonly members: readonly Int32Array[];
  readonly places: Int32Array;
  /** The first instruction of each queue, and the next of the same queue. */
  readonly heads: Int32Array;
  readonly following: Int32Array;
  /** Whether it is a gather, which waits for all loads. */
  readonly gathers: Uint8Array;
  /** Masks of the queues it takes tokens from, and gives them to. */
  readonly waits: Uint8Array;
  readonly signals: Uint8Array;
  /** Ports it holds from start to completion, where it can meet instructions of other queues. */
  readonly ports: PortLists;
  /** Where the tokens of each pair of queues (from · queues + to) begin when they stand in one row. */
  readonly tokenStarts: Int32Array;

  constructor(chip: Chip, instructions: readonly Instruction[]) {
    this.chip = chip;
    this.instructions = instructions;
    this.queues = Uint8Array.from(instructions, ({ op }) => QUEUES.indexOf(queueOf(op)));
    this.members = QUEUES.map((_, queue) =>
      Int32Array.from(instructions.keys().filter((index) => this.queues[index] === queue)),
    );
    this.places = new Int32Array(instructions.length);
    this.heads = Int32Array.from(this.members, (members) => members[0] ?? NONE_LEFT);
    this.following = new Int32Array(instructions.length);
    for (const members of this.members) {
      members.forEach((index, place) => {
        this.places[index] = place;
        this.following[index] = members[place + 1] ?? NONE_LEFT;
      });
    }
    this.gathers = Uint8Array.from(instructions, ({ op }) => Number(op === 'gather'));
    this.waits = Uint8Array.from(instructions, ({ wait }) => wait);
    this.signals = Uint8Array.from(instructions, ({ signal }) => signal);
    this.ports = whereQueuesMeet(portsHeld(instructions, chip), this);
    this.tokenStarts = tokenStarts(this.queues, this.signals);
  }
}

function tokenStarts(queues: Uint8Array, signals: Uint8Array): Int32Array {
  const starts = new Int32Array(QUEUE_COUNT ** 2 + 1);
  for (let pair = 0; pair < QUEUE_COUNT ** 2; pair++) {
    const [from, to] = [Math.floor(pair / QUEUE_COUNT), pair % QUEUE_COUNT];
    const gives = (signal: number, i: number): boolean =>
      queues[i] === from && (signal & (1 << to)) !== 0;
    starts[pair + 1] = starts[pair]! + signals.filter(gives).length;
  }
  return starts;
}
