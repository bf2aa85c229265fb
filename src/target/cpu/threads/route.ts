/**
 * How a thread goes through the calls of a program. Code that is emitted does it, of WebAssembly (kernels/walk.ts) or of the
 * machine (x86/walk.ts), on words that all threads share (control.ts):
 *
 * ```
 * own = 1                                 this thread may have a task from here
 *   seen = next[call]                     the run's number and the first task that nobody has taken
 *   is it of another run?                 stop: over
 *   is there one, and next[call] still `seen`?  it becomes seen + 1, and the task is this thread's
 *     does this thread know the task?     else stop: task
 *     its chunks, one after the other
 *     done[call] += 1; is it the last, and does anybody sleep?  stop: wake
 * own = 0
 * done[call] is all tasks?                until it is: look again, and after `looks` times stop: wait
 * the next call; there is none?           stop: ended
 * ```
 *
 * A route has tables of what a thread knows: the tasks of each call, and the chunks of each task as functions with their
 * arguments. A task that it does not know the host runs, and hands it over.
 */
import type { KernelName } from '../kernels/kernels.table.ts';
import type { NativeCall } from '../x86/machine.ts';

/** Why a walk stops. */
export const STOPS = {
  /** All calls are done. */
  ended: 0,
  /** The run is over: others have gone on, or gave up. */
  over: 1,
  /** The host must run the task that was taken. */
  task: 2,
  /** Others sleep until the call is done, which it is now. */
  wake: 3,
  /** Others have taken what is left of the call, and take their time. */
  wait: 4,
} as const;

export type Stop = (typeof STOPS)[keyof typeof STOPS];

/** A chunk as it was prepared. */
export interface Prepared {
  readonly kernel: KernelName;
  readonly args: readonly number[];
  readonly run: () => void;
  /** What it calls as it last ran, in machine code. */
  readonly native?: () => readonly NativeCall[];
}

/** Has the host run a chunk of a task that was handed over. Throws what the chunk throws. */
export type RunChunk = (call: number, task: number, chunk: number) => void;

/** The calls of a program as a thread walks them. */
export interface Route {
  /**
   * Goes on from a call; `run` is the run's number as it stands in `next`. Then `call` and `task` are where it stopped.
   * Throws what a chunk throws: its task is not counted then.
   */
  go(call: number, run: number): Stop;
  readonly call: number;
  readonly task: number;
  /** From now on the route does a task, which the host has run, if it can do anything of it; returns whether it does. */
  handOver(call: number, task: number, chunks: readonly Prepared[]): boolean;
  /** From now on the host does a task again, until it is handed over. */
  withdraw(call: number, task: number): void;
}
