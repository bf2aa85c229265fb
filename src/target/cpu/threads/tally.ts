/**
 * How far a run is: two words for each call.
 *
 *   next  the run's number in the upper 20 bits, and the first task that nobody has taken
 *   done  tasks that are done
 *
 * The number tells a thread that wakes up late that the run is over, and it leaves.
 */
export const TASK_BITS = 12;
/** The most tasks of a call; the run's number stands above. */
export const MOST_TASKS = (1 << TASK_BITS) - 1;

export interface Tally {
  readonly next: Int32Array<SharedArrayBuffer>;
  readonly done: Int32Array<SharedArrayBuffer>;
  /** Of chunks, if they are to be kept. */
  readonly times?: Float64Array<SharedArrayBuffer>;
}

/** With `timeWords` for the times of chunks, if they are to be kept. */
export function makeTally(calls: number, timeWords = 0): Tally {
  const words = (): Int32Array<SharedArrayBuffer> =>
    new Int32Array(new SharedArrayBuffer(calls * 4));
  const times = timeWords > 0 && new Float64Array(new SharedArrayBuffer(timeWords * 8));
  return { next: words(), done: words(), ...(times && { times }) };
}

/** Before a run, while no thread is in it. */
export function resetTally({ next, done }: Tally, run: number): void {
  done.fill(0);
  next.fill(run << TASK_BITS);
}

/** The number of the run after `run`; never 0. */
export function nextRun(run: number): number {
  return run === (1 << (31 - TASK_BITS)) - 1 ? 1 : run + 1;
}
