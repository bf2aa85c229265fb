/**
 * The heads of the four queues and when each can start:
 *   - it is dispatched, and its queue and its unit can take it,
 *   - the tokens it waits for have been given,
 *   - no instruction of another queue holds a bank port it needs.
 *
 * Starts never go back and other queues only add to what a head waits for, so its earliest start of
 * before is a bound that needs another look only when it is the smallest.
 */
import { QUEUES } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';
import type { Dispatcher } from './dispatch.ts';
import type { Ports } from './ports.ts';
import { lowestBit, NONE_LEFT, type TimedProgram } from './timedProgram.ts';
import type { Tokens } from './tokens.ts';
import type { TransferTiming } from './transferTiming.ts';

const QUEUE_COUNT = QUEUES.length;
const LOAD = QUEUES.indexOf('load');
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

/** What heads wait for. */
export interface Surroundings {
  readonly dispatcher: Dispatcher;
  readonly tokens: Tokens;
  readonly ports: Ports;
  readonly transfers: TransferTiming;
}

export class Heads {
  /** The instruction at the head of each queue; NONE_LEFT when all have started. */
  readonly indices: Int32Array;
  /** When each queue may go on after the instruction before. */
  readonly free = new Float64Array(QUEUE_COUNT);
  /** What the head waited for last. */
  readonly reasons = new Uint8Array(QUEUE_COUNT);
  /** No head starts before this; never, while it waits for what the other queues have yet to do. */
  readonly bounds = new Float64Array(QUEUE_COUNT);
  private readonly program: TimedProgram;
  private readonly dispatcher: Dispatcher;
  private readonly tokens: Tokens;
  private readonly ports: Ports;
  private readonly transfers: TransferTiming;
  /** Whether the head starts just then, whatever others do. */
  private readonly settled = new Uint8Array(QUEUE_COUNT);
  /** The head that waits to be dispatched. */
  private readonly undispatched = new Float64Array(QUEUE_COUNT).fill(NEVER);

  constructor(program: TimedProgram, { dispatcher, tokens, ports, transfers }: Surroundings) {
    this.program = program;
    this.dispatcher = dispatcher;
    this.tokens = tokens;
    this.ports = ports;
    this.transfers = transfers;
    this.indices = program.heads.slice();
  }

  /** As before the first instruction. */
  reset(): void {
    this.indices.set(this.program.heads);
    this.free.fill(0);
    this.lookAgain(0);
  }

  private lookAgain(cycle: number): void {
    this.bounds.fill(cycle);
    this.settled.fill(0);
    this.undispatched.fill(NEVER);
  }

  /** The queue whose head starts next (ties: queue order), at its bound; none (−1) when no head can. */
  first(): number {
    const { bounds, settled } = this;
    for (;;) {
      let queue = 0;
      for (let other = 1; other < QUEUE_COUNT; other++)
        if (bounds[other]! < bounds[queue]!) queue = other;
      const bound = bounds[queue]!;
      if (bound === NEVER) return -1;
      if (settled[queue] === 1) return queue;
      this.look(queue);
      if (bounds[queue] === bound) return queue;
    }
  }

  /** Finds the earliest start of a head: never, while it is not dispatched or a token is missing. */
  private look(queue: number): void {
    const index = this.indices[queue]!;
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
      if (ready > start) {
        start = ready;
        reason = OUTSTANDING;
      }
    }
    for (let waits = this.program.waits[index]!; waits !== 0; waits &= waits - 1) {
      const from = lowestBit(waits);
      const given = this.tokens.next(from, queue);
      if (given <= start) continue;
      start = given;
      reason = from;
    }
    if (start === NEVER) return;
    this.reasons[queue] = reason;
    this.bounds[queue] = start;
    if (this.ports.needs(index)) this.lookAtPorts(index, queue, start);
    else this.settled[queue] = 1;
  }

  /** Other queues may hold a port for longer by the time the head could start. */
  private lookAtPorts(index: number, queue: number, start: number): void {
    const free = this.ports.freeFrom(index, queue, start);
    if (free === start) return;
    this.bounds[queue] = free;
    this.reasons[queue] = PORT;
  }

  /** The head of a queue has started; the next may start from `free` on. */
  goOn(queue: number, start: number, free: number): void {
    this.indices[queue] = this.program.following[this.indices[queue]!]!;
    this.free[queue] = free;
    this.bounds[queue] = start;
    this.settled[queue] = 0;
  }

  /** A head that could not start may be able to now. */
  wake(queue: number, cycle: number): void {
    if (this.bounds[queue] === NEVER) this.bounds[queue] = cycle;
  }

  /** Wakes heads that waited to be dispatched and now are. */
  wakeDispatched(cycle: number): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      if (this.undispatched[queue]! >= this.dispatcher.count) continue;
      this.undispatched[queue] = NEVER;
      this.wake(queue, cycle);
    }
  }

  /** With all that is dispatched and has not started; `kinds` tells which instructions are alike. */
  save(state: ClockState, kinds: Int32Array): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      state.addTime(this.free[queue]!);
      let index = this.indices[queue]!;
      for (let left = this.dispatcher.waiting(queue); left > 0; left--) {
        state.addCount(kinds[index]!);
        state.addTime(this.dispatcher.ready[index]!);
        index = this.program.following[index]!;
      }
    }
  }

  /** The dispatcher must be restored before. */
  restore(state: ClockState, cycle: number): void {
    const { members, following } = this.program;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      this.free[queue] = state.nextTime();
      let index = members[queue]![this.dispatcher.left[queue]!] ?? NONE_LEFT;
      this.indices[queue] = index;
      for (let left = this.dispatcher.waiting(queue); left > 0; left--) {
        state.nextCount();
        this.dispatcher.ready[index] = state.nextTime();
        index = following[index]!;
      }
    }
    this.lookAgain(cycle);
  }
}
