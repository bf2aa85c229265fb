/**
 * How threads share a program. All walk the same list of calls; a thread takes the next task of the
 * call at hand until there is none, waits until all of its tasks are done, and goes on. So nobody waits
 * for a thread that has no task: one that a busy machine does not run holds up nothing but what it
 * has taken. Emitted code walks (route.ts); here is what only the host can do.
 *
 * A thread that ends while it has a task would be waited for in vain. So each says in a word of its own whether it has
 * one, and whether it is gone; the thread that has the workers looks there while it waits.
 */
import { CeladonError } from '../../../base/index.ts';
import type { WasmMemory } from '../../../wasm/index.ts';
import { CONTROL, lostThread, threadWords, wordsOf, type ThreadWords } from './control.ts';
import { STOPS, type Route } from './route.ts';
import { MOST_TASKS, TASK_BITS } from './tally.ts';

/** What a thread walks. */
export interface Walk {
  /** Tasks of each call. */
  readonly tasks: readonly number[];
  readonly route: Route;
  /** Does a task that the route does not know. */
  do(call: number, task: number): void;
}

/** The thread that has the workers. */
const MAIN = 0;

/** A sleeper looks again after this, whatever happens. */
const NAP_MS = 5;
/** After so many naps in which no task is done, a minute or more, a thread must be gone that nobody has heard of. */
const MOST_NAPS = 12_000;

export class Walker {
  readonly #thread: number;
  readonly #control: WasmMemory;
  readonly #shared: Int32Array;
  readonly #words: ThreadWords;
  #error: unknown;
  /** Naps after one another without progress: in the same call, with as many tasks done. */
  #naps = 0;
  #progress = -1;

  constructor(thread: number, control: WasmMemory) {
    this.#thread = thread;
    this.#control = control;
    this.#shared = wordsOf(control);
    this.#words = threadWords(control, thread);
  }

  /**
   * Walks the calls in run number `run`; ends early when that run is over. Throws CeladonError, in the thread that has
   * the workers, when one of them is gone and has taken a task along.
   */
  walk(walk: Walk, run: number): void {
    const { route, tasks } = walk;
    const number = run << TASK_BITS;
    this.#progress = -1;
    for (let call = 0; ; call = route.call) {
      const stop = this.#try(() => route.go(call, number));
      if (stop === STOPS.ended || stop === STOPS.over) return;
      const of = tasks[route.call]!;
      if (stop === STOPS.wake) Atomics.notify(this.#words.done, route.call);
      else if (stop === STOPS.wait) this.#nap(route.call, of);
      else {
        // Where it threw it had a task, as all that throws is a chunk.
        if (stop === STOPS.task) this.#try(() => walk.do(route.call, route.task));
        this.#count(route.call, of);
      }
    }
  }

  /** What it gives; undefined where it throws: then the run fails when it is over, and a task of this thread has ended. */
  #try<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#error ??= error;
      Atomics.store(this.#shared, CONTROL.failed, 1);
      return undefined;
    }
  }

  /** One task more is done, failed or not, so that nobody waits for it: wakes those that wait for the last. */
  #count(call: number, tasks: number): void {
    const { done, waiting } = this.#words;
    const count = Atomics.add(done, call, 1) + 1;
    if (count === tasks && Atomics.load(waiting, 0) > 0) Atomics.notify(done, call);
  }

  /** What failed in this thread since the last time. */
  takeError(): unknown {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  /** Sleeps until a call is done, but not for long. */
  #nap(call: number, tasks: number): void {
    const { done, waiting } = this.#words;
    const count = Atomics.load(done, call);
    if (count === tasks) return;
    const progress = call * (MOST_TASKS + 1) + count;
    this.#naps = progress === this.#progress ? this.#naps + 1 : 0;
    this.#progress = progress;
    if (this.#thread === MAIN) this.#requireThreads();
    Atomics.add(waiting, 0, 1);
    Atomics.wait(done as Int32Array<SharedArrayBuffer>, call, count, NAP_MS);
    Atomics.sub(waiting, 0, 1);
  }

  #requireThreads(): void {
    const lost = lostThread(this.#control);
    if (lost === undefined && this.#naps < MOST_NAPS) return;
    const who =
      lost === undefined ? 'a thread has not ended for a minute' : `thread ${lost + 1} has ended`;
    throw new CeladonError(
      `threads of the cpu must do the parts of a step that they take: ${who}`,
      {
        hint: 'open the device again; with one thread no other is needed',
      },
    );
  }
}
