/**
 * How far a run is: two words for each call.
 *
 *   next  the run's number in the upper 20 bits, and the first task that nobody has taken
 *   done  tasks that are done
 *
 * The number tells a thread that wakes up late that the run is over, and it leaves. Words behind the last call of a program are
 * those of an earlier run that had more; whoever is still there finds no task.
 */
import type { ThreadWords } from './control.ts';

export const TASK_BITS = 12;
/** The most tasks of a call; the run's number stands above. */
export const MOST_TASKS = (1 << TASK_BITS) - 1;

/**
 * Before a run of so many calls. A thread that is late may still be in an earlier one: it finds that its run is over, or waits
 * and then finds so.
 */
export function resetTally({ next, done }: ThreadWords, calls: number, run: number): void {
  done.fill(0, 0, calls);
  next.fill(run << TASK_BITS, 0, calls);
}

/** The number of the run after `run`; never 0. */
export function nextRun(run: number): number {
  return run === (1 << (31 - TASK_BITS)) - 1 ? 1 : run + 1;
}
