/**
 * When each instruction starts: a recurrence over the dispatcher, the heads of the four queues, the
 * semaphores between them and the ports of the banks. How long a unit works is the matter of its own
 * file. Values play no part but for numbers of rows, so the simulator (L2) and tile events (L1) share
 * this clock.
 *
 * At each step the head that can start first is taken (heads.ts). An instruction holds the read ports of
 * the banks it reads and the write ports of those it writes from start to completion, and gives its
 * tokens then.
 */
import { CeladonError } from '../../../base/index.ts';
import { QUEUES } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';
import { waitingHeads } from './deadlock.ts';
import { Dispatcher } from './dispatch.ts';
import { Heads } from './heads.ts';
import { Ports } from './ports.ts';
import { lowestBit, NONE_LEFT, type TimedProgram } from './timedProgram.ts';
import { Tokens } from './tokens.ts';
import { Units } from './units.ts';
import type { Costs, Course } from './unitTiming.ts';

const QUEUE_COUNT = QUEUES.length;

/** What passes in a part of a run. */
export interface Passage {
  readonly cycles: number;
  /** By queue. */
  readonly busyCycles: Float64Array;
  readonly channelBusyCycles: number;
}

/** The clock of one run after another. */
export class Timing {
  cycles = 0;
  /** The instruction taken last, its queue, and the cycle in which it starts. */
  index = 0;
  queue = 0;
  start = 0;
  /** How many cycles its queue stood still before that, and why: a place in STALLS. */
  waited = 0;
  reason = 0;
  readonly busyCycles = new Float64Array(QUEUE_COUNT);
  private readonly program: TimedProgram;
  private readonly units: Units;
  private readonly dispatcher: Dispatcher;
  private readonly tokens: Tokens;
  private readonly ports: Ports;
  private readonly heads: Heads;

  constructor(program: TimedProgram) {
    this.program = program;
    this.units = new Units(program);
    this.dispatcher = new Dispatcher(program.queues, QUEUE_COUNT);
    this.tokens = new Tokens(program.tokenStarts);
    this.ports = new Ports(program.ports);
    const { dispatcher, tokens, ports } = this;
    this.heads = new Heads(program, { dispatcher, tokens, ports, transfers: this.units.transfers });
  }

  /** Back to the start of the program; rows stay as they are known. None from `until` on is dispatched. */
  reset(until = this.program.instructions.length): void {
    this.cycles = 0;
    this.start = 0;
    this.busyCycles.fill(0);
    this.dispatcher.reset(until);
    for (const part of [this.units, this.tokens, this.ports, this.heads]) part.reset();
  }

  /** Of the instruction committed last. */
  get course(): Course {
    return this.units.course;
  }

  /** What instructions ask of their units. */
  get costs(): Costs {
    return this.units.costs;
  }

  get channelBusyCycles(): number {
    return this.units.transfers.busyCycles;
  }

  /** The head of a queue; undefined when all its instructions have started. */
  headOf(queue: number): number | undefined {
    const head = this.heads.indices[queue]!;
    return head === NONE_LEFT ? undefined : head;
  }

  /** Says on how many rows an instruction really works, 0 for a skipped load: before it is committed. */
  setRows(index: number, rows: number): void {
    this.units.setRows(index, rows);
  }

  /** Takes the instruction that starts next; false when no head can start. */
  take(): boolean {
    const { heads } = this;
    const queue = heads.first();
    if (queue < 0) return false;
    this.queue = queue;
    this.index = heads.indices[queue]!;
    this.start = heads.bounds[queue]!;
    return true;
  }

  /** Starts the instruction taken last. */
  commit(): void {
    const { index, queue, start, heads, ports, units } = this;
    this.waited = Math.max(start - heads.free[queue]!, 0);
    this.reason = heads.reasons[queue]!;
    units.start(index, queue, start);
    const { from, to, end, free } = units.course;
    this.busyCycles[queue]! += to - from;
    if (end > this.cycles) this.cycles = end;
    heads.goOn(queue, start, free);
    if (ports.needs(index)) ports.hold(index, queue, end);
    this.exchangeTokens(index, queue, end);
    if (this.dispatcher.started(queue, start)) heads.wakeDispatched(start);
  }

  private exchangeTokens(index: number, queue: number, end: number): void {
    const { program, tokens, heads, start } = this;
    for (let waits = program.waits[index]!; waits !== 0; waits &= waits - 1)
      tokens.take(lowestBit(waits), queue);
    for (let signals = program.signals[index]!; signals !== 0; signals &= signals - 1) {
      const to = lowestBit(signals);
      tokens.give(queue, to, end);
      heads.wake(to, start);
    }
    tokens.check(start);
  }

  /** Instructions before this place in the program are dispatched. */
  get dispatched(): number {
    return this.dispatcher.count;
  }

  /** Lets instructions before `until` be dispatched. */
  goOn(until: number): void {
    if (this.dispatcher.goOn(until)) this.heads.wakeDispatched(this.start);
  }

  /** Writes the state at the start taken last. `kinds` tells which instructions are alike to the clock. */
  save(state: ClockState, kinds: Int32Array): void {
    state.write(this.start);
    state.addTime(this.cycles);
    for (const part of [this.dispatcher, this.units, this.tokens, this.ports]) part.save(state);
    this.heads.save(state, kinds);
  }

  /** Passes over what is known; `restore` must follow before the next instruction is taken. */
  skip({ cycles, busyCycles, channelBusyCycles }: Passage): void {
    this.start += cycles;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) this.busyCycles[queue]! += busyCycles[queue]!;
    this.units.transfers.busyCycles += channelBusyCycles;
  }

  /**
   * As if this clock had come to that state when `count` instructions were dispatched, `before` of
   * each queue. Why queues stood still is not part of it.
   */
  restore(state: ClockState, count: number, before: Int32Array): void {
    this.cycles = state.nextTime();
    this.dispatcher.restore(state, count, before);
    for (const part of [this.units, this.tokens, this.ports]) part.restore(state);
    this.heads.restore(state, this.start);
  }

  /** Throws when instructions are left that nothing can start any more. */
  requireEnd(): void {
    const { program, heads, dispatcher, tokens } = this;
    const waits = waitingHeads(program, heads.indices, dispatcher, tokens);
    if (waits.length === 0) return;
    throw new CeladonError(`a program must not deadlock: ${waits.join('; ')}`, {
      where: `cycle ${this.cycles}`,
    });
  }
}
