/** Until when each queue holds the read ports of the banks, or the write ports. */
import { QUEUES } from '../isa.table.ts';
import { type BankLists } from './timedProgram.ts';

export class Ports {
  private readonly lists: BankLists;
  /** By queue, then by bank. */
  private readonly until: Float64Array;
  /** The latest of each queue: while it is past, its banks need no look. */
  private readonly latest: Float64Array;

  constructor(lists: BankLists) {
    this.lists = lists;
    this.until = new Float64Array(QUEUES.length * lists.count);
    this.latest = new Float64Array(QUEUES.length);
  }

  /** The first cycle from `start` on in which no other queue holds a port that instruction `index` needs. */
  freeFrom(index: number, queue: number, start: number): number {
    const { until, latest } = this;
    const { first, banks, count } = this.lists;
    const from = first[index]!;
    const end = first[index + 1]!;
    let free = start;
    if (from === end) return free;
    for (let other = 0; other < latest.length; other++) {
      if (other === queue || latest[other]! <= free) continue;
      for (let i = from; i < end; i++) {
        const held = until[other * count + banks[i]!]!;
        if (held > free) free = held;
      }
    }
    return free;
  }

  /** Instruction `index` holds its ports until `end`, which is not before that of its queue's last. */
  hold(index: number, queue: number, end: number): void {
    const { first, banks, count } = this.lists;
    const from = first[index]!;
    const last = first[index + 1]!;
    for (let i = from; i < last; i++) this.until[queue * count + banks[i]!] = end;
    if (from < last) this.latest[queue] = end;
  }
}
