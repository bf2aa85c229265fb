/**
 * How threads share a program. All walk the same list of calls; a thread takes the next task of the
 * call at hand until there is none, waits until all of its tasks are done, and goes on. So nobody waits
 * for a thread that has no task: one that a busy machine does not run holds up nothing but what it
 * has taken.
 *
 * A thread that ends while it has a task would be waited for in vain. So each says in a word of its own whether it has
 * one, and whether it is gone; the thread that has the workers looks there while it waits.
 */
import { CeladonError } from '../../../base/index.ts';
import { runTimed } from './times.ts';
import type { ReadyCall, Walk } from './calls.ts';
import { MOST_TASKS, TASK_BITS, type Tally } from './tally.ts';
import { STOPS, type NativeRoute, type RouteWords, type Stop } from '../x86/index.ts';

/** Words of the control block that all threads share. */
export const CONTROL = {
  /** Changes with everything that workers wait for. */
  bell: 0,
  run: 1,
  program: 2,
  letters: 3,
  /** Threads that sleep until a call is done. */
  waiting: 4,
  failed: 5,
  /** The first slot that the run is on. */
  slot: 6,
} as const;

/** Bits of the word of a thread, which has a line of the cache for itself: it changes with each call. */
const THREAD = { takes: 1, gone: 2 } as const;
const LINE_WORDS = 16;

function wordOfThread(thread: number): number {
  return LINE_WORDS * (1 + thread);
}
/** The thread that has the workers. */
const MAIN = 0;

/** The control block of so many threads. */
export function makeControl(threads: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * wordOfThread(threads)));
}

/** The words by which machine code walks; none where times of chunks are kept, which it does not know. */
export function routeWords(
  control: Int32Array<SharedArrayBuffer>,
  { next, done, times }: Tally,
  thread: number,
): RouteWords | undefined {
  const word = (i: number): Int32Array => control.subarray(i, i + 1);
  const [own, waiting] = [word(wordOfThread(thread)), word(CONTROL.waiting)];
  return times ? undefined : { next, done, own, waiting };
}

/** Says that a thread has ended: itself as its last word, or who hears of it. */
export function markGone(control: Int32Array<SharedArrayBuffer>, thread: number): void {
  Atomics.or(control, wordOfThread(thread), THREAD.gone);
}

/** Looks at a word before a thread sleeps: some 20 µs. */
const SPINS = 2000;
/** A sleeper looks again after this, whatever happens. */
const NAP_MS = 5;
/** After so many naps in which no task is done, a minute or more, a thread must be gone that nobody has heard of. */
const MOST_NAPS = 12_000;

/** Tells the processor that a thread only waits, where the host can. */
const pause: () => void = (Atomics as { pause?: () => void }).pause?.bind(Atomics) ?? (() => {});

export class Walker {
  readonly #thread: number;
  readonly #control: Int32Array<SharedArrayBuffer>;

  #error: unknown;

  constructor(thread: number, control: Int32Array<SharedArrayBuffer>) {
    this.#thread = thread;
    this.#control = control;
  }

  /**
   * Walks the calls in run number `run`; ends early when that run is over. Throws CeladonError, in the thread that has
   * the workers, when one of them is gone and has taken a task along.
   */
  walk({ calls, route }: Walk, tally: Tally, run: number): void {
    for (let i = 0; i < calls.length;) {
      const stop = route && this.#goOn(route, calls, i, run);
      if (stop === STOPS.ended || stop === STOPS.over) return;
      i = route?.call ?? i;
      const call = calls[i]!;
      if (stop === STOPS.task) this.#do(call, route!.task, tally, i);
      else if (stop === STOPS.chunk) this.#count(call, tally, i);
      else if (stop === STOPS.wake) Atomics.notify(tally.done, i);
      else {
        if (!this.#takeTasks(call, tally, i, run)) return;
        const looked = stop === STOPS.wait ? SPINS : 0;
        if (!this.#awaitDone({ tally, i, tasks: call.length, run, looked })) return;
        i++;
      }
    }
  }

  /** Machine code from call `i` on, and the chunks that it asks for; where one of these fails, that task is at its end. */
  #goOn(route: NativeRoute, calls: readonly ReadyCall[], i: number, run: number): Stop {
    let stop = route.go(i, run << TASK_BITS);
    while (stop === STOPS.chunk) {
      const { chunks } = calls[route.call]![route.task]!;
      if (!this.#try(chunks[route.chunk]!)) break;
      stop = route.resume();
    }
    return stop;
  }

  /** Takes tasks until there are none. False when the run is over. */
  #takeTasks(call: ReadyCall, tally: Tally, i: number, run: number): boolean {
    const own = wordOfThread(this.#thread);
    const { next } = tally;
    Atomics.store(this.#control, own, THREAD.takes);
    for (;;) {
      const seen = Atomics.load(next, i);
      const taken = seen & MOST_TASKS;
      const isOver = seen >> TASK_BITS !== run;
      if (isOver || taken === call.length) {
        Atomics.store(this.#control, own, 0);
        return !isOver;
      }
      if (Atomics.compareExchange(next, i, seen, seen + 1) !== seen) continue;
      this.#do(call, taken, tally, i);
    }
  }

  /** Runs a task that this thread has taken. One that fails counts as done, so that nobody waits for it. */
  #do(call: ReadyCall, number: number, tally: Tally, i: number): void {
    const task = call[number]!;
    const { times } = tally;
    this.#try(() => {
      if (times === undefined) for (const chunk of task.chunks) chunk();
      else runTimed(task, times, this.#thread);
      task.handOver?.();
    });
    this.#count(call, tally, i);
  }

  /** One task more is done: wakes those that wait for the last. */
  #count(call: ReadyCall, { done }: Tally, i: number): void {
    const count = Atomics.add(done, i, 1) + 1;
    const wake = count === call.length && Atomics.load(this.#control, CONTROL.waiting) > 0;
    if (wake) Atomics.notify(done, i);
  }

  /** Whether something ends without an error; the run fails when it is over. */
  #try(run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      this.#error ??= error;
      Atomics.store(this.#control, CONTROL.failed, 1);
      return false;
    }
  }

  /** What failed in this thread since the last time. */
  takeError(): unknown {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  /** `looked`: looks at the call that there have been already. */
  #awaitDone({ tally: { next, done }, i, tasks, run, looked }: Waited): boolean {
    let [naps, before] = [0, -1];
    for (let spin = looked; ; spin++) {
      const count = Atomics.load(done, i);
      if (Atomics.load(next, i) >> TASK_BITS !== run) return false;
      if (count === tasks) return true;
      if (spin < SPINS) {
        pause();
        continue;
      }
      naps = count === before ? naps + 1 : 0;
      before = count;
      if (this.#thread === MAIN) this.#requireThreads(naps);
      this.#sleep(done, i, count);
    }
  }

  #requireThreads(naps: number): void {
    const words = this.#control.filter((_, i) => i % LINE_WORDS === 0).subarray(1);
    const lost = words.indexOf(THREAD.takes | THREAD.gone);
    if (lost < 0 && naps < MOST_NAPS) return;
    const who = lost < 0 ? 'a thread has not ended for a minute' : `thread ${lost + 1} has ended`;
    throw new CeladonError(
      `threads of the cpu must do the parts of a step that they take: ${who}`,
      {
        hint: 'open the device again; with one thread no other is needed',
      },
    );
  }

  #sleep(words: Int32Array<SharedArrayBuffer>, index: number, seen: number): void {
    Atomics.add(this.#control, CONTROL.waiting, 1);
    Atomics.wait(words, index, seen, NAP_MS);
    Atomics.sub(this.#control, CONTROL.waiting, 1);
  }
}

interface Waited {
  readonly tally: Tally;
  readonly i: number;
  readonly tasks: number;
  readonly run: number;
  readonly looked: number;
}

/** Wakes all workers that wait for something new. */
export function ringBell(control: Int32Array<SharedArrayBuffer>): void {
  Atomics.add(control, CONTROL.bell, 1);
  Atomics.notify(control, CONTROL.bell);
}
