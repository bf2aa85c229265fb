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
import { NONE_LEFT, type TimedProgram } from './timedProgram.ts';
import { Tokens } from './tokens.ts';
import { TransferTiming } from './transferTiming.ts';
import { COST_NUMBERS, Course, type UnitTiming } from './unitTiming.ts';
import { VectorTiming } from './vectorTiming.ts';

const QUEUE_COUNT = QUEUES.length;
const LOAD = QUEUES.indexOf('load');
const MATRIX = QUEUES.indexOf('matrix');
const VECTOR = QUEUES.indexOf('vector');
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

/** The clock of one run after another. */
export class Timing {
  cycles = 0;
  /** The instruction taken last, its queue, the cycle in which it starts, and its course. */
  index = 0;
  queue = 0;
  start = 0;
  readonly course = new Course();
  /** How many cycles its queue stood still before that, and why. */
  waited = 0;
  reason = 0;
  readonly busyCycles = new Float64Array(QUEUE_COUNT);
  private readonly program: TimedProgram;
  /** Of each instruction, what it asks of its unit. */
  private readonly costs: Float64Array;
  private readonly transfers: TransferTiming;
  private readonly matrix: MatrixTiming;
  private readonly vector: VectorTiming;
  private readonly dispatcher: Dispatcher;
  private readonly tokens: Tokens;
  private readonly ports: Ports;
  /** When each queue may go on after the instruction before. */
  private readonly free = new Float64Array(QUEUE_COUNT);
  /** The head of each queue; none (−1) when all its instructions have started. */
  private readonly heads: Int32Array;
  /** No head starts before this; never, while it waits for what the other queues have yet to do. */
  private readonly bounds = new Float64Array(QUEUE_COUNT);
  /** Whether the head starts just then, whatever others do. */
  private readonly settled = new Uint8Array(QUEUE_COUNT);
  /** The head that waits to be dispatched. */
  private readonly undispatched = new Float64Array(QUEUE_COUNT).fill(NEVER);
  /** What the head waited for last. */
  private readonly reasons = new Uint8Array(QUEUE_COUNT);

  constructor(program: TimedProgram) {
    const { chip } = program;
    this.program = program;
    this.costs = new Float64Array(program.instructions.length * COST_NUMBERS);
    this.transfers = new TransferTiming(chip);
    this.matrix = new MatrixTiming(chip);
    this.vector = new VectorTiming(chip);
    this.dispatcher = new Dispatcher(program.queues, QUEUE_COUNT);
    this.tokens = new Tokens(program.tokenStarts);
    this.ports = new Ports(program.ports);
    this.heads = program.heads.slice();
  }

  /** Back to the start of the program; rows stay as they are known. */
  reset(): void {
    this.cycles = 0;
    this.start = 0;
    const parts = [this.transfers, this.matrix, this.dispatcher, this.tokens, this.ports];
    for (const part of parts) part.reset();
    for (const column of [this.busyCycles, this.free, this.bounds, this.settled]) column.fill(0);
    this.heads.set(this.program.heads);
    this.undispatched.fill(NEVER);
  }

  get channelBusyCycles(): number {
    return this.transfers.busyCycles;
  }

  /** The head of a queue; undefined when all its instructions have started. */
  headOf(queue: number): number | undefined {
    const head = this.heads[queue]!;
    return head === NONE_LEFT ? undefined : head;
  }

  /**
   * Takes the instruction that starts next; false when no head can start. Starts never go back and other
   * queues only add to what a head waits for, so its earliest start of before is a bound that needs
   * another look only when it is the smallest.
   */
  take(): boolean {
    const { bounds, settled } = this;
    for (;;) {
      let queue = 0;
      for (let other = 1; other < QUEUE_COUNT; other++)
        if (bounds[other]! < bounds[queue]!) queue = other;
      const bound = bounds[queue]!;
      if (bound === NEVER) return false;
      if (settled[queue] === 0) {
        this.look(queue);
        if (bounds[queue] !== bound) continue;
      }
      this.index = this.heads[queue]!;
      this.queue = queue;
      this.start = bound;
      return true;
    }
  }

  /** Finds the earliest start of a head: never, while it is not dispatched or a token is missing. */
  private look(queue: number): void {
    const index = this.heads[queue]!;
    this.bounds[queue] = NEVER;
    if (index === NONE_LEFT) return;
    if (index >= this.dispatcher.count) {
      this.undispatched[queue] = index;
      return;
    }
    let start = Math.max(this.free[queue]!, this.dispatcher.ready[index]!);
    let reason = DISPATCH;
    if (queue === LOAD) {
      const ready = this.transfers.loadReady(this.program.gathers[index]!);
      if (ready > start) [start, reason] = [ready, OUTSTANDING];
    }
    for (let waits = this.program.waits[index]!, from = 0; waits !== 0; waits >>= 1, from++) {
      if ((waits & 1) === 0) continue;
      const given = this.tokens.next(from, queue);
      if (given > start) [start, reason] = [given, from];
    }
    if (start === NEVER) return;
    this.reasons[queue] = reason;
    this.bounds[queue] = start;
    if (this.ports.needs(index)) this.lookAtPorts(index, queue, start);
    else this.settled[queue] = 1;
  }

  /** Other queues may hold a port longer by the time the head could start. */
  private lookAtPorts(index: number, queue: number, start: number): void {
    const free = this.ports.freeFrom(index, queue, start);
    if (free === start) return;
    this.bounds[queue] = free;
    this.reasons[queue] = PORT;
  }

  /** Says on how many rows an instruction really works, 0 for a skipped load: before it is committed. */
  setRows(index: number, rows: number): void {
    const { queues, instructions } = this.program;
    const unit = this.unitOf(queues[index]!);
    unit.cost(instructions[index]!, rows, this.costs, index * COST_NUMBERS);
  }

  private unitOf(queue: number): UnitTiming {
    if (queue === MATRIX) return this.matrix;
    return queue === VECTOR ? this.vector : this.transfers;
  }

  /** Starts the instruction taken last. */
  commit(): void {
    const { program, index, queue, start, course } = this;
    this.waited = Math.max(start - this.free[queue]!, 0);
    this.reason = this.reasons[queue]!;
    this.startUnit(index, queue, start);
    const { end } = course;
    this.busyCycles[queue]! += course.to - course.from;
    this.free[queue] = course.free;
    this.bounds[queue] = start;
    this.settled[queue] = 0;
    if (this.ports.needs(index)) this.ports.hold(index, queue, end);
    this.exchangeTokens(index, queue, end);
    if (this.dispatcher.started(queue, start)) this.wakeDispatched();
    this.heads[queue] = program.following[index]!;
    if (end > this.cycles) this.cycles = end;
  }

  /** Each unit by its own call: a common one would be slower. */
  private startUnit(index: number, queue: number, start: number): void {
    const { costs, course } = this;
    const at = index * COST_NUMBERS;
    if (queue === MATRIX) this.matrix.start(costs, at, start, course);
    else if (queue === VECTOR) this.vector.start(costs, at, start, course);
    else this.transfers.start(costs, at, start, course);
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

  /** Heads that waited to be dispatched and now are. */
  private wakeDispatched(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      if (this.undispatched[queue]! >= this.dispatcher.count) continue;
      this.undispatched[queue] = NEVER;
      this.wake(queue);
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
    if (index >= this.dispatcher.count) return `${who} waits to be dispatched`;
    const missing = QUEUES.filter((_, from) => {
      const waits = (this.program.waits[index]! & (1 << from)) !== 0;
      return waits && this.tokens.next(from, queue) === NEVER;
    });
    return `${who} waits for ${missing.join(', ')}`;
  }
}
