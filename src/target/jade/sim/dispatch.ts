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
  /** Queue of each instruction of the program. */
  private readonly order: ArrayLike<number>;
  private readonly dispatched: Float64Array;
  private cycle = -1;
  /** Of each queue: how many instructions it has got and started, and when the last few started. */
  private readonly entered: Int32Array;
  private readonly left: Int32Array;
  private readonly starts: Float64Array;

  /** `order` is the queue of each instruction, in program order; queues are 0 … `queues` − 1. */
  constructor(order: ArrayLike<number>, queues: number) {
    this.order = order;
    this.dispatched = new Float64Array(order.length);
    this.entered = new Int32Array(queues);
    this.left = new Int32Array(queues);
    this.starts = new Float64Array(queues * QUEUE_DEPTH);
    this.advance();
  }

  /** The first cycle in which instruction `index` can start; infinite while it is not dispatched. */
  readyAt(index: number): number {
    return index < this.count ? this.dispatched[index]! + START_DELAY : Number.POSITIVE_INFINITY;
  }

  /** The head of `queue` has started. */
  started(queue: number, cycle: number): void {
    this.starts[slotOf(queue, this.left[queue]!++)] = cycle;
    this.advance();
  }

  /** Dispatches as far as it is known when the FIFOs have room. */
  private advance(): void {
    const { order, entered, left } = this;
    for (; this.count < order.length; this.count++) {
      const queue = order[this.count]!;
      const leaving = entered[queue]! - QUEUE_DEPTH;
      if (leaving >= left[queue]!) return;
      const roomFrom = leaving < 0 ? 0 : this.starts[slotOf(queue, leaving)]! + 1;
      this.cycle = Math.max(this.cycle + 1, roomFrom);
      this.dispatched[this.count] = this.cycle;
      entered[queue]!++;
    }
  }
}

/** Where the start of a queue's n-th instruction stands until its place in the FIFO is taken again. */
function slotOf(queue: number, n: number): number {
  return queue * QUEUE_DEPTH + (n % QUEUE_DEPTH);
}
