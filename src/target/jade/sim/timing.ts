/**
 * When each instruction starts: a recurrence over the dispatcher, the four queues, the semaphores
 * between them and the ports of the banks. How long a unit works is the matter of its own file.
 *
 * At each step the head that can start first is committed (ties: queue order). A head can start when
 *   - it is dispatched, and its unit can take it,
 *   - the tokens it waits for have been given,
 *   - no instruction of another queue holds a bank port it needs. An instruction holds the read ports of
 *     the banks it reads and the write ports of those it writes from start to completion.
 */
import { CeladonError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { QUEUES, type Instruction } from '../isa.table.ts';
import { accesses } from './access.ts';
import { bankCountOf, bankUseOf, type BankUse } from './banks.ts';
import { Dispatcher } from './dispatch.ts';
import { MatrixTiming } from './matrixTiming.ts';
import { TransferTiming } from './transferTiming.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';
import { VectorTiming } from './vectorTiming.ts';

const QUEUE_COUNT = QUEUES.length;

/** Semaphores are counters of 16 bits. */
export const MAX_TOKENS = 0xffff;

/** An instruction with what timing needs to know of it, computed once a program. */
export interface Prepared {
  readonly instruction: Instruction;
  readonly index: number;
  readonly queue: number;
  readonly banks: BankUse;
  readonly accesses: ReturnType<typeof accesses>;
}

/** Why a queue stood still, for the report. */
export const STALLS = [
  'load',
  'matrix',
  'vector',
  'store',
  'port',
  'outstanding',
  'dispatch',
] as const;
export type StallReason = (typeof STALLS)[number];
const PORT = STALLS.indexOf('port');
const OUTSTANDING = STALLS.indexOf('outstanding');
const DISPATCH = STALLS.indexOf('dispatch');

export function prepare(
  instruction: Instruction,
  index: number,
  queue: number,
  chip: Chip,
  maxPosition: number,
): Prepared {
  const banks = bankUseOf(instruction, chip);
  return { instruction, index, queue, banks, accesses: accesses(instruction, maxPosition) };
}

/** The clock of one run. */
export class Timing {
  cycles = 0;
  readonly busyCycles: number[] = QUEUES.map(() => 0);
  /** Cycles each queue waited, by reason. */
  readonly stallCycles: number[][] = QUEUES.map(() => STALLS.map(() => 0));
  private readonly transfers: TransferTiming;
  /** By queue. */
  private readonly units: readonly UnitTiming[];
  private readonly dispatcher: Dispatcher;
  private readonly free: number[] = QUEUES.map(() => 0);
  /** Times at which tokens from queue f to queue t were given; and how many were taken. */
  private readonly given: number[][] = Array.from({ length: QUEUE_COUNT ** 2 }, () => []);
  private readonly taken: number[] = Array.from({ length: QUEUE_COUNT ** 2 }, () => 0);
  /** Until when each queue holds the ports: [queue][bank]. */
  private readonly readHeld: readonly Float64Array[];
  private readonly writeHeld: readonly Float64Array[];
  private reason = 0;

  /** `program` in program order. */
  constructor(chip: Chip, program: readonly Prepared[]) {
    this.transfers = new TransferTiming(chip);
    this.units = [this.transfers, new MatrixTiming(chip), new VectorTiming(chip), this.transfers];
    this.dispatcher = new Dispatcher(
      program.map(({ queue }) => queue),
      QUEUE_COUNT,
    );
    const banks = bankCountOf(chip);
    this.readHeld = QUEUES.map(() => new Float64Array(banks));
    this.writeHeld = QUEUES.map(() => new Float64Array(banks));
  }

  get channelBusyCycles(): number {
    return this.transfers.busyCycles;
  }

  /** The earliest start of a queue's head; undefined while it is not dispatched or a token is missing. */
  earliest({ queue, instruction, index, banks }: Prepared): number | undefined {
    const dispatched = this.dispatcher.readyAt(index);
    if (dispatched === undefined) return undefined;
    let start = this.later(this.free[queue]!, dispatched, DISPATCH);
    start = this.later(start, this.units[queue]!.ready(instruction), OUTSTANDING);
    for (let from = 0; from < QUEUE_COUNT; from++) {
      if ((instruction.wait & (1 << from)) === 0) continue;
      const pair = from * QUEUE_COUNT + queue;
      const time = this.given[pair]![this.taken[pair]!];
      if (time === undefined) return undefined;
      start = this.later(start, time, from);
    }
    for (let other = 0; other < QUEUE_COUNT; other++) {
      if (other === queue) continue;
      for (const bank of banks.read) start = this.later(start, this.readHeld[other]![bank]!, PORT);
      for (const bank of banks.write)
        start = this.later(start, this.writeHeld[other]![bank]!, PORT);
    }
    return start;
  }

  private later(start: number, time: number, reason: number): number {
    if (time <= start) return start;
    this.reason = reason;
    return time;
  }

  /** Starts `head` at `start`, with its real number of rows; returns its course. */
  commit(head: Prepared, start: number, rows: number): Span {
    const { queue, instruction, banks } = head;
    this.recordStall(head, start);
    for (let from = 0; from < QUEUE_COUNT; from++) {
      if ((instruction.wait & (1 << from)) !== 0) this.taken[from * QUEUE_COUNT + queue]!++;
    }
    const span = this.units[queue]!.start(instruction, start, rows);
    this.dispatcher.started(queue, start);
    this.busyCycles[queue]! += span.to - span.from;
    this.free[queue] = span.free;
    for (const bank of banks.read) this.readHeld[queue]![bank] = span.end;
    for (const bank of banks.write) this.writeHeld[queue]![bank] = span.end;
    for (let to = 0; to < QUEUE_COUNT; to++) {
      if ((instruction.signal & (1 << to)) !== 0)
        this.given[queue * QUEUE_COUNT + to]!.push(span.end);
    }
    this.checkSemaphores(start);
    this.cycles = Math.max(this.cycles, span.end);
    return span;
  }

  private recordStall(head: Prepared, start: number): void {
    const idle = start - this.free[head.queue]!;
    if (idle <= 0) return;
    this.earliest(head);
    this.stallCycles[head.queue]![this.reason]! += idle;
  }

  /** More tokens than a semaphore counts, given and not taken by `cycle`, are an error of the program. */
  private checkSemaphores(cycle: number): void {
    this.given.forEach((times, pair) => {
      if (!(times[this.taken[pair]! + MAX_TOKENS]! <= cycle)) return;
      const [from, to] = [Math.floor(pair / QUEUE_COUNT), pair % QUEUE_COUNT];
      throw new CeladonError(
        `a semaphore must hold at most ${MAX_TOKENS} tokens, not more from ${QUEUES[from]} to ${QUEUES[to]}`,
        { where: `cycle ${cycle}` },
      );
    });
  }

  /** What a head waits for, for people: used when nothing can start. */
  describe({ instruction, queue, index }: Prepared): string {
    const who = `${QUEUES[queue]} instruction ${index} (${instruction.op})`;
    if (this.dispatcher.readyAt(index) === undefined) return `${who} waits to be dispatched`;
    const missing = QUEUES.filter((_, from) => {
      const pair = from * QUEUE_COUNT + queue;
      return (
        (instruction.wait & (1 << from)) !== 0 && this.given[pair]!.length <= this.taken[pair]!
      );
    });
    return `${who} waits for ${missing.join(', ')}`;
  }
}
