/**
 * The dispatcher: takes one instruction a cycle, in program order, into the FIFO of its queue, and stops
 * while that FIFO is full. An entry leaves its FIFO when it starts.
 */
import type { ClockState } from './clockState.ts';

/** Instructions a FIFO holds. */
export const QUEUE_DEPTH = 8;

/** Cycles from the dispatch of an instruction to the first in which it can start. */
const START_DELAY = 2;

export class Dispatcher {
  /** Instructions whose dispatch is known: those before this place in the program. */
  count = 0;
  /** The first cycle in which an instruction whose dispatch is known can start. */
  readonly ready: Float64Array;
  /** Of each queue: how many instructions have left its FIFO, so the place of its head in the queue. */
  readonly left: Int32Array;
  /** Queue of each instruction of the program. */
  private readonly order: Uint8Array;
  /** Instructions from here on stay where they are for the time being. */
  private until: number;
  /** Of the last dispatch. */
  private cycle = -1;
  /** Of each queue: how many instructions it has got, and when the last few started. */
  private readonly entered: Int32Array;
  private readonly starts: Float64Array;

  /** `order` is the queue of each instruction, in program order; queues are 0 … `queues` − 1. */
  constructor(order: Uint8Array, queues: number) {
    this.order = order;
    this.until = order.length;
    this.ready = new Float64Array(order.length);
    this.entered = new Int32Array(queues);
    this.left = new Int32Array(queues);
    this.starts = new Float64Array(queues * QUEUE_DEPTH);
    this.advance();
  }

  /** As before the first instruction; none from `until` on is dispatched. */
  reset(until: number): void {
    this.until = until;
    this.count = 0;
    this.cycle = -1;
    this.entered.fill(0);
    this.left.fill(0);
    this.advance();
  }

  /** None from `until` on is dispatched; tells whether some that were not before now are. */
  goOn(until: number): boolean {
    this.until = until;
    return this.advance();
  }

  /** The head of `queue` has started; tells whether that let more be dispatched. */
  started(queue: number, cycle: number): boolean {
    const place = this.left[queue]!;
    this.starts[slotOf(queue, place)] = cycle;
    this.left[queue] = place + 1;
    return this.advance();
  }

  /** Dispatches as far as it is known when the FIFOs have room; tells whether it was any. */
  private advance(): boolean {
    const { order, until, ready, entered, left, starts } = this;
    const known = this.count;
    let index = known;
    let { cycle } = this;
    for (; index < until; index++) {
      const queue = order[index]!;
      const place = entered[queue]!;
      const leaving = place - QUEUE_DEPTH;
      if (leaving >= left[queue]!) break;
      const roomFrom = leaving < 0 ? 0 : starts[slotOf(queue, leaving)]! + 1;
      cycle = Math.max(cycle + 1, roomFrom);
      ready[index] = cycle + START_DELAY;
      entered[queue] = place + 1;
    }
    this.cycle = cycle;
    this.count = index;
    return index > known;
  }

  /** Instructions of a queue that are dispatched and have not started. */
  waiting(queue: number): number {
    return this.entered[queue]! - this.left[queue]!;
  }

  /** Starts count for the dispatcher only when they are behind its last dispatch. */
  save(state: ClockState): void {
    const { entered, left, starts, cycle } = this;
    state.addPast(cycle);
    for (let queue = 0; queue < left.length; queue++) {
      state.addCount(this.waiting(queue));
      for (let place = entered[queue]! - QUEUE_DEPTH; place < left[queue]!; place++)
        state.addPast(place < 0 ? cycle : Math.max(starts[slotOf(queue, place)]!, cycle));
    }
  }

  /** `before`: how many instructions of each queue come before instruction `count`, the next. */
  restore(state: ClockState, count: number, before: Int32Array): void {
    const { entered, left, starts } = this;
    this.count = count;
    this.cycle = state.nextTime();
    for (let queue = 0; queue < left.length; queue++) {
      entered[queue] = before[queue]!;
      left[queue] = before[queue]! - state.nextCount();
      for (let place = entered[queue]! - QUEUE_DEPTH; place < left[queue]!; place++) {
        const start = state.nextTime();
        if (place >= 0) starts[slotOf(queue, place)] = start;
      }
    }
  }
}

/** Where the start of a queue's n-th instruction stands until its place in the FIFO is taken again. */
function slotOf(queue: number, n: number): number {
  return queue * QUEUE_DEPTH + (n % QUEUE_DEPTH);
}
