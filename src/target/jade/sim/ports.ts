/** Until when each queue holds the ports of the banks. */
import { QUEUES } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';
import type { PortLists } from './portUse.ts';

export class Ports {
  private readonly lists: PortLists;
  /** By queue, then by port. */
  private readonly until: Float64Array;
  /** The latest of each queue: while it is past, its ports need no look. */
  private readonly latest: Float64Array;

  constructor(lists: PortLists) {
    this.lists = lists;
    this.until = new Float64Array(QUEUES.length * lists.count);
    this.latest = new Float64Array(QUEUES.length);
  }

  /** As before the first instruction. */
  reset(): void {
    this.until.fill(0);
    this.latest.fill(0);
  }

  /** Whether instruction `index` can wait at a port at all. */
  needs(index: number): boolean {
    const { first } = this.lists;
    return first[index] !== first[index + 1];
  }

  /** The first cycle from `start` on in which no other queue holds a port that instruction `index` needs. */
  freeFrom(index: number, queue: number, start: number): number {
    const { until, latest } = this;
    const { first, ports, count } = this.lists;
    const end = first[index + 1]!;
    let free = start;
    for (let other = 0; other < latest.length; other++) {
      if (other === queue || latest[other]! <= free) continue;
      for (let i = first[index]!; i < end; i++) {
        const held = until[other * count + ports[i]!]!;
        if (held > free) free = held;
      }
    }
    return free;
  }

  /** Instruction `index` holds its ports until `end`, which is not before that of its queue's last. */
  hold(index: number, queue: number, end: number): void {
    const { first, ports, count } = this.lists;
    const last = first[index + 1]!;
    for (let i = first[index]!; i < last; i++) this.until[queue * count + ports[i]!] = end;
    this.latest[queue] = end;
  }

  save(state: ClockState): void {
    const { until, latest } = this;
    const { count } = this.lists;
    for (let queue = 0; queue < latest.length; queue++) {
      state.addTime(latest[queue]!);
      if (state.isOver(latest[queue]!)) continue;
      for (let port = 0; port < count; port++) state.addTime(until[queue * count + port]!);
    }
  }

  restore(state: ClockState): void {
    const { until, latest } = this;
    const { count } = this.lists;
    until.fill(0);
    for (let queue = 0; queue < latest.length; queue++) {
      latest[queue] = state.nextTime();
      if (state.isOver(latest[queue]!)) continue;
      for (let port = 0; port < count; port++) until[queue * count + port] = state.nextTime();
    }
  }
}
