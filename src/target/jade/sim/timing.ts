/**
 * When each instruction starts: a recurrence over the dispatcher, the four queues, the semaphores
 * between them and the ports of the banks. How long a unit works is the matter of its own file. Values
 * play no part but for numbers of rows, so the simulator (L2) and tile events (L1) share this clock.
 *
 * At each step the head that can start first is taken (ties: queue order). A head can start when
 *   - it is dispatched, and its unit can take it,
 *   - the tokens it waits for have been given,
 *   - no instruction of another queue holds a bank port it needs. An instruction holds the read ports of
 *     the banks it reads and the write ports of those it writes from start to completion.
 */
import { CeladonError } from '../../../base/index.ts';
import { QUEUES } from '../isa.table.ts';
import { Dispatcher } from './dispatch.ts';
import { MatrixTiming } from './matrixTiming.ts';
import { Ports } from './ports.ts';
import { type TimedProgram } from './timedProgram.ts';
import { Tokens } from './tokens.ts';
import { TransferTiming } from './transferTiming.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';
import { VectorTiming } from './vectorTiming.ts';

const QUEUE_COUNT = QUEUES.length;
const NEVER = Number.POSITIVE_INFINITY;

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

/** The clock of one run. */
export class Timing {
  cycles = 0;
  /** The cycle in which the instruction taken last starts. */
  start = 0;
  readonly busyCycles = new Float64Array(QUEUE_COUNT);
  /** Cycles each queue waited, by reason. */
  readonly stallCycles: readonly Float64Array[] = QUEUES.map(() => new Float64Array(STALLS.length));
  private readonly program: TimedProgram;
  private readonly transfers: TransferTiming;
  /** By queue. */
  private readonly units: readonly UnitTiming<unknown>[];
  private readonly dispatcher: Dispatcher;
  private readonly tokens: Tokens;
  private readonly reads: Ports;
  private readonly writes: Ports;
  /** Of each queue: the place of its head, and when it may go on after the instruction before. */
  private readonly next = new Int32Array(QUEUE_COUNT);
  private readonly free = new Float64Array(QUEUE_COUNT);
  /** No head starts before this; never, while it waits for what the other queues have yet to do. */
  private readonly bounds = new Float64Array(QUEUE_COUNT);
  /** The head that waits to be dispatched. */
  private readonly undispatched = new Float64Array(QUEUE_COUNT).fill(NEVER);
  /** What the head waited for last. */
  private readonly reasons = new Uint8Array(QUEUE_COUNT);

  constructor(program: TimedProgram) {
    const { chip } = program;
    this.program = program;
    this.transfers = new TransferTiming(chip);
    this.units = [this.transfers, new MatrixTiming(chip), new VectorTiming(chip), this.transfers];
    this.dispatcher = new Dispatcher(program.queues, QUEUE_COUNT);
    this.tokens = new Tokens(program.tokenStarts);
    this.reads = new Ports(program.reads);
    this.writes = new Ports(program.writes);
  }

  get channelBusyCycles(): number {
    return this.transfers.busyCycles;
  }

  /** The head of a queue; undefined when all its instructions have started. */
  headOf(queue: number): number | undefined {
    return this.program.members[queue]![this.next[queue]!];
  }

  /**
   * The instruction that starts next, in cycle `start`; undefined when no head can. Starts never go
   * back and other queues only add to what a head waits for, so its earliest start of before is a bound
   * that needs another look only when it is the smallest.
   */
  take(): number | undefined {
    const { bounds } = this;
    for (;;) {
      let queue = 0;
      for (let other = 1; other < QUEUE_COUNT; other++)
        if (bounds[other]! < bounds[queue]!) queue = other;
      const bound = bounds[queue]!;
      if (bound === NEVER) return undefined;
      const index = this.headOf(queue);
      const time = index === undefined ? NEVER : this.earliest(index, queue);
      bounds[queue] = time;
      if (time !== bound) continue;
      this.start = time;
      return index;
    }
  }

  /** The earliest start of a head; never, while it is not dispatched or a token is missing. */
  private earliest(index: number, queue: number): number {
    const dispatched = this.dispatcher.readyAt(index);
    if (dispatched === NEVER) {
      this.undispatched[queue] = index;
      return NEVER;
    }
    const ready = this.units[queue]!.ready(this.program.instructions[index]!);
    let start = Math.max(this.free[queue]!, dispatched, ready);
    let reason = ready > Math.max(this.free[queue]!, dispatched) ? OUTSTANDING : DISPATCH;
    for (let waits = this.program.waits[index]!, from = 0; waits !== 0; waits >>= 1, from++) {
      if ((waits & 1) === 0) continue;
      const given = this.tokens.next(from, queue);
      if (given <= start) continue;
      start = given;
      reason = from;
    }
    if (start === NEVER) return NEVER;
    const free = this.writes.freeFrom(index, queue, this.reads.freeFrom(index, queue, start));
    this.reasons[queue] = free > start ? PORT : reason;
    return free;
  }

  /** What an instruction asks of its unit with its real number of rows: the same in every run. */
  cost(index: number, rows: number): unknown {
    const { queues, instructions } = this.program;
    return this.units[queues[index]!]!.cost(instructions[index]!, rows);
  }

  /** Starts the instruction taken last, which costs what `cost` says; returns its course. */
  commit(index: number, cost: unknown): Span {
    const { program, start } = this;
    const queue = program.queues[index]!;
    const idle = start - this.free[queue]!;
    if (idle > 0) this.stallCycles[queue]![this.reasons[queue]!]! += idle;
    const span = this.units[queue]!.start(cost, start);
    this.busyCycles[queue]! += span.to - span.from;
    this.free[queue] = span.free;
    this.next[queue]!++;
    this.bounds[queue] = start;
    this.reads.hold(index, queue, span.end);
    this.writes.hold(index, queue, span.end);
    this.exchangeTokens(index, queue, span.end);
    this.dispatch(queue);
    this.cycles = Math.max(this.cycles, span.end);
    return span;
  }

  private exchangeTokens(index: number, queue: number, end: number): void {
    const { program, tokens } = this;
    for (let waits = program.waits[index]!, from = 0; waits !== 0; waits >>= 1, from++)
      if ((waits & 1) !== 0) tokens.take(from, queue);
    for (let signals = program.signals[index]!, to = 0; signals !== 0; signals >>= 1, to++) {
      if ((signals & 1) === 0) continue;
      tokens.give(queue, to, end);
      this.wake(to);
    }
    tokens.check(this.start);
  }

  private dispatch(queue: number): void {
    const known = this.dispatcher.count;
    this.dispatcher.started(queue, this.start);
    if (this.dispatcher.count === known) return;
    for (let other = 0; other < QUEUE_COUNT; other++) {
      if (this.undispatched[other]! >= this.dispatcher.count) continue;
      this.undispatched[other] = NEVER;
      this.wake(other);
    }
  }

  /** A head that could not start may be able to now. */
  private wake(queue: number): void {
    if (this.bounds[queue] === NEVER) this.bounds[queue] = this.start;
  }

  /** Throws when instructions are left that nothing can start any more. */
  requireEnd(): void {
    const waiting = QUEUES.keys().filter((queue) => this.headOf(queue) !== undefined);
    const waits = [...waiting.map((queue) => this.describe(queue))];
    if (waits.length === 0) return;
    throw new CeladonError(`a program must not deadlock: ${waits.join('; ')}`, {
      where: `cycle ${this.cycles}`,
    });
  }

  /** What the head of a queue waits for, for people. */
  private describe(queue: number): string {
    const index = this.headOf(queue)!;
    const who = `${QUEUES[queue]} instruction ${index} (${this.program.instructions[index]!.op})`;
    if (this.dispatcher.readyAt(index) === NEVER) return `${who} waits to be dispatched`;
    const missing = QUEUES.filter((_, from) => {
      const waits = (this.program.waits[index]! & (1 << from)) !== 0;
      return waits && this.tokens.next(from, queue) === NEVER;
    });
    return `${who} waits for ${missing.join(', ')}`;
  }
}
