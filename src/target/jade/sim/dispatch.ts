/**
 * The dispatcher: takes one instruction a cycle, in program order, into the FIFO of its queue, and stops
 * while that FIFO is full. An entry leaves its FIFO when it starts.
 */

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
  private cycle = -1;
  /** Of each queue: how many instructions it has got, and when the last few started. */
  private readonly entered: Int32Array;
  private readonly starts: Float64Array;

  /** `order` is the queue of each instruction, in program order; queues are 0 … `queues` − 1. */
  constructor(order: Uint8Array, queues: number) {
    this.order = order;
    this.ready = new Float64Array(order.length);
    this.entered = new Int32Array(queues);
    this.left = new Int32Array(queues);
    this.starts = new Float64Array(queues * QUEUE_DEPTH);
    this.advance();
  }

  /** As before the first instruction. */
  reset(): void {
    this.count = 0;
    this.cycle = -1;
    this.entered.fill(0);
    this.left.fill(0);
    this.advance();
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
    const { order, ready, entered, left, starts } = this;
    const known = this.count;
    let index = known;
    let { cycle } = this;
    for (; index < order.length; index++) {
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
}

/** Where the start of a queue's n-th instruction stands until its place in the FIFO is taken again. */
function slotOf(queue: number, n: number): number {
  return queue * QUEUE_DEPTH + (n % QUEUE_DEPTH);
}
