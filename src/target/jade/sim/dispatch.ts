/**
 * The dispatcher: takes one instruction a cycle, in program order, into the FIFO of its queue, and stops
 * while that FIFO is full. An entry leaves its FIFO when it starts.
 */

/** Instructions a FIFO holds. */
export const QUEUE_DEPTH = 8;

/** Cycles from the dispatch of an instruction to the first in which it can start. */
const START_DELAY = 2;

export class Dispatcher {
  /** Queue of each instruction of the program. */
  private readonly order: readonly number[];
  private readonly dispatched: number[] = [];
  /** Cycles in which the instructions of each queue started. */
  private readonly starts: readonly number[][];
  private readonly counts: number[];

  /** `order` is the queue of each instruction, in program order; queues are 0 … `queues` − 1. */
  constructor(order: readonly number[], queues: number) {
    this.order = order;
    this.starts = Array.from({ length: queues }, () => []);
    this.counts = this.starts.map(() => 0);
    this.advance();
  }

  /** The first cycle in which instruction `index` can start; undefined while it is not dispatched. */
  readyAt(index: number): number | undefined {
    const cycle = this.dispatched[index];
    return cycle === undefined ? undefined : cycle + START_DELAY;
  }

  /** The head of `queue` has started. */
  started(queue: number, cycle: number): void {
    this.starts[queue]!.push(cycle);
    this.advance();
  }

  /** Dispatches as far as it is known when the FIFOs have room. */
  private advance(): void {
    for (let i = this.dispatched.length; i < this.order.length; i++) {
      const queue = this.order[i]!;
      const leaving = this.counts[queue]! - QUEUE_DEPTH;
      const room = leaving < 0 ? 0 : this.starts[queue]![leaving];
      if (room === undefined) return;
      const roomFrom = leaving < 0 ? 0 : room + 1;
      this.dispatched.push(Math.max((this.dispatched.at(-1) ?? -1) + 1, roomFrom));
      this.counts[queue]!++;
    }
  }
}
