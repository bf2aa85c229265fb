/**
 * The memory that threads share beside that of the kernels. It is one of WebAssembly, so that code of both kinds can walk by its
 * words:
 *
 * ```
 * words of all        a line of the cache (CONTROL)
 * next, done          a word for each call of the program that runs (tally.ts)
 * of each thread      a line of its own, as it changes with each call (OWN), and room for tables (wasmRoute.ts)
 * ```
 *
 * It never grows, and the host need only provide what is touched.
 */
import { createMemory, type WasmMemory } from '../../../wasm/index.ts';
import { PAGE_BYTES } from '../kernels/memories.ts';

/** Words that all threads share. */
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

/** Words of the line of a thread: what it `holds`, bits as in HOLDS, and where its walk stopped. */
export const OWN = { holds: 0, call: 1, task: 2 } as const;

/** A thread that may have a task, and one that has ended. */
export const HOLDS = { task: 1, gone: 2 } as const;

/** The most calls of a program. */
export const MOST_CALLS = 2 ** 16;

const WORD_BYTES = 4;
const LINE_WORDS = 16;
const [NEXT, DONE, THREADS] = [LINE_WORDS, LINE_WORDS + MOST_CALLS, LINE_WORDS + 2 * MOST_CALLS];
/** Of each of up to 256 threads. With 16 of them a token of 64 layers takes half a million, a prompt of 256 tokens a million. */
const THREAD_WORDS = 2 ** 21;

/** Addresses of words that are the same for all threads. */
export const ADDRESSES = {
  next: WORD_BYTES * NEXT,
  done: WORD_BYTES * DONE,
  waiting: WORD_BYTES * CONTROL.waiting,
} as const;

/** The words by which a thread walks. */
export interface ThreadWords {
  /** A word for each call, and more. */
  readonly next: Int32Array;
  readonly done: Int32Array;
  /** The line of this thread. */
  readonly own: Int32Array;
  readonly waiting: Int32Array;
  /** For tables of this thread. */
  readonly room: Int32Array;
}

/** A control block for so many threads. */
export function makeControl(threads: number): WasmMemory {
  const bytes = WORD_BYTES * startOf(threads);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return createMemory({ initial: pages, maximum: pages, shared: threads > 1 });
}

/** All words of a control block. */
export function wordsOf({ buffer }: WasmMemory): Int32Array {
  return new Int32Array(buffer);
}

export function threadWords(control: WasmMemory, thread: number): ThreadWords {
  const words = wordsOf(control);
  const own = startOf(thread);
  return {
    next: words.subarray(NEXT, DONE),
    done: words.subarray(DONE, THREADS),
    own: words.subarray(own, own + LINE_WORDS),
    waiting: words.subarray(CONTROL.waiting, CONTROL.waiting + 1),
    room: words.subarray(own + LINE_WORDS, startOf(thread + 1)),
  };
}

function startOf(thread: number): number {
  return THREADS + THREAD_WORDS * thread;
}

/** Says that a thread has ended: itself as its last word, or who hears of it. */
export function markGone(control: WasmMemory, thread: number): void {
  Atomics.or(wordsOf(control), startOf(thread) + OWN.holds, HOLDS.gone);
}

/** The first thread that has ended with a task; undefined if there is none. */
export function lostThread(control: WasmMemory): number | undefined {
  const words = wordsOf(control);
  for (let thread = 0; startOf(thread) + OWN.holds < words.length; thread++)
    if (words[startOf(thread) + OWN.holds] === (HOLDS.task | HOLDS.gone)) return thread;
  return undefined;
}

/** Wakes all workers that wait for something new. */
export function ringBell(words: Int32Array): void {
  Atomics.add(words, CONTROL.bell, 1);
  Atomics.notify(words, CONTROL.bell);
}
