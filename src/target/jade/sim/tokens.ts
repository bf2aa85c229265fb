/** The semaphores: when each token from one queue to another was given, and which are taken. */
import { CeladonError } from '../../../base/index.ts';
import { QUEUES } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';

const QUEUE_COUNT = QUEUES.length;

/** Semaphores are counters of 16 bits. */
export const MAX_TOKENS = 0xffff;

export class Tokens {
  private readonly starts: Int32Array;
  private readonly times: Float64Array;
  /** By pair of queues, from · queues + to: places of the next token to give and to take. */
  private readonly given: Int32Array;
  private readonly taken: Int32Array;
  /** Whether some pair once had more tokens than a semaphore counts, perhaps still on their way. */
  private crowded = false;

  /** `starts`: where the tokens of each pair begin, as in TimedProgram. */
  constructor(starts: Int32Array) {
    this.starts = starts;
    this.times = new Float64Array(starts.at(-1)!);
    this.given = starts.slice(0, -1);
    this.taken = starts.slice(0, -1);
  }

  /** As before the first instruction. */
  reset(): void {
    this.given.set(this.starts.subarray(0, -1));
    this.taken.set(this.given);
    this.crowded = false;
  }

  /** When the next token from one queue to another was given; infinite while it was not. */
  next(from: number, to: number): number {
    const pair = from * QUEUE_COUNT + to;
    const first = this.taken[pair]!;
    return first < this.given[pair]! ? this.times[first]! : Number.POSITIVE_INFINITY;
  }

  take(from: number, to: number): void {
    this.taken[from * QUEUE_COUNT + to]!++;
  }

  give(from: number, to: number, time: number): void {
    const pair = from * QUEUE_COUNT + to;
    const place = this.given[pair]!;
    this.times[place] = time;
    this.given[pair] = place + 1;
    if (place - this.taken[pair]! >= MAX_TOKENS) this.crowded = true;
  }

  /** More tokens than a semaphore counts, given and not taken by `cycle`, are an error of the program. */
  check(cycle: number): void {
    if (!this.crowded) return;
    this.taken.forEach((first, pair) => {
      const many = this.given[pair]! - first > MAX_TOKENS;
      if (!many || this.times[first + MAX_TOKENS]! > cycle) return;
      const [from, to] = [Math.floor(pair / QUEUE_COUNT), pair % QUEUE_COUNT];
      throw new CeladonError(
        `a semaphore must hold at most ${MAX_TOKENS} tokens, not more from ${QUEUES[from]} to ${QUEUES[to]}`,
        { where: `cycle ${cycle}` },
      );
    });
  }

  save(state: ClockState): void {
    const { given, taken, times } = this;
    for (let pair = 0; pair < given.length; pair++) {
      state.addCount(given[pair]! - taken[pair]!);
      for (let place = taken[pair]!; place < given[pair]!; place++) state.addTime(times[place]!);
    }
  }

  /** Tokens taken before need no places: those that are left stand where their pair begins. */
  restore(state: ClockState): void {
    const { given, taken, times } = this;
    this.taken.set(this.starts.subarray(0, -1));
    for (let pair = 0; pair < given.length; pair++) {
      given[pair] = taken[pair]! + state.nextCount();
      for (let place = taken[pair]!; place < given[pair]!; place++) times[place] = state.nextTime();
    }
  }
}
