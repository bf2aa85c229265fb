/**
 * A program as the clock reads it: columns of numbers instead of objects, because each start reads them
 * several times. Made once a program.
 */
import { type Chip } from '../../../chip/index.ts';
import { QUEUES, queueOf, type Instruction } from '../isa.table.ts';
import { bankCountOf, bankUseOf } from './banks.ts';

const QUEUE_COUNT = QUEUES.length;

/** Bank numbers of all instructions, one list behind the other. */
export interface BankLists {
  /** Where the list of each instruction begins, and the end of the last. */
  readonly first: Int32Array;
  readonly banks: Int32Array;
  /** Banks of the chip. */
  readonly count: number;
}

export class TimedProgram {
  readonly chip: Chip;
  readonly instructions: readonly Instruction[];
  /** Queue of each instruction. */
  readonly queues: Uint8Array;
  /** Instructions of each queue, in program order. */
  readonly members: readonly Int32Array[];
  /** Masks of the queues it takes tokens from, and gives them to. */
  readonly waits: Uint8Array;
  readonly signals: Uint8Array;
  readonly reads: BankLists;
  readonly writes: BankLists;
  /** Where the tokens of each pair of queues (from · queues + to) begin when they stand in one row. */
  readonly tokenStarts: Int32Array;

  constructor(chip: Chip, instructions: readonly Instruction[]) {
    this.chip = chip;
    this.instructions = instructions;
    this.queues = Uint8Array.from(instructions, ({ op }) => QUEUES.indexOf(queueOf(op)));
    this.members = QUEUES.map((_, queue) =>
      Int32Array.from(instructions.keys().filter((index) => this.queues[index] === queue)),
    );
    this.waits = Uint8Array.from(instructions, ({ wait }) => wait);
    this.signals = Uint8Array.from(instructions, ({ signal }) => signal);
    const uses = instructions.map((instruction) => bankUseOf(instruction, chip));
    const count = bankCountOf(chip);
    this.reads = { ...bankLists(uses.map(({ read }) => read)), count };
    this.writes = { ...bankLists(uses.map(({ write }) => write)), count };
    this.tokenStarts = tokenStarts(this.queues, this.signals);
  }
}

function bankLists(lists: readonly (readonly number[])[]): Omit<BankLists, 'count'> {
  const first = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (first[i + 1] = first[i]! + list.length));
  return { first, banks: Int32Array.from(lists.flat()) };
}

/** One place more than tokens for each pair, so that the next token always has a place. */
function tokenStarts(queues: Uint8Array, signals: Uint8Array): Int32Array {
  const starts = new Int32Array(QUEUE_COUNT ** 2 + 1);
  for (let pair = 0; pair < QUEUE_COUNT ** 2; pair++) {
    const [from, to] = [Math.floor(pair / QUEUE_COUNT), pair % QUEUE_COUNT];
    const gives = (signal: number, i: number): boolean =>
      queues[i] === from && (signal & (1 << to)) !== 0;
    starts[pair + 1] = starts[pair]! + signals.filter(gives).length + 1;
  }
  return starts;
}
