/**
 * Pieces of weights that threads read and pack beside each other: each takes the next that is free. A word for every
 * slice says how far it is.
 */
import type { WordFormatName } from '../panels/packWords.ts';

/** Rows in an open file that become whole panels word by word: what a thread can pack that knows no weights. */
export interface FileSlice {
  readonly format: WordFormatName;
  readonly rowBytes: number;
  readonly panels: number;
  /** The number of the memory that the panels are for, and their address there. */
  readonly memory: number;
  readonly address: number;
  readonly descriptor: number;
  readonly offset: number;
  readonly bytes: number;
}

/** A slice and its word. */
export type Numbered<S> = readonly [number, S];

const [FREE, TAKEN, DONE] = [0, 1, 2];

/** A word for each of `count` slices, all free. */
export function makeProgress(count: number, shared: boolean): Int32Array {
  const bytes = count * Int32Array.BYTES_PER_ELEMENT;
  return new Int32Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
}

/** Does the slices that are free; one that throws is free again. */
export function takeSlices<S>(
  slices: readonly Numbered<S>[],
  progress: Int32Array,
  pack: (slice: S) => void,
): void {
  for (const [i, slice] of slices) {
    if (Atomics.compareExchange(progress, i, FREE, TAKEN) !== FREE) continue;
    let end = FREE;
    try {
      pack(slice);
      end = DONE;
    } finally {
      Atomics.store(progress, i, end);
      Atomics.notify(progress, i);
    }
  }
}

/** No thread takes so long for a slice: it must be gone. */
const LOST_MS = 10_000;

/**
 * Does what is left, waits for what others have taken, and does what they could not: their errors become this thread's. When it
 * throws no other is at work, and none begins.
 */
export function finishSlices<S>(
  slices: readonly Numbered<S>[],
  progress: Int32Array,
  pack: (slice: S) => void,
): void {
  try {
    takeSlices(slices, progress, pack);
    awaitTaken(slices, progress);
    takeSlices(slices, progress, pack);
  } catch (error) {
    for (const [i] of slices) Atomics.compareExchange(progress, i, FREE, DONE);
    awaitTaken(slices, progress);
    throw error;
  }
}

/** What a thread has that is gone is free again: packed twice, a slice is the same. */
function awaitTaken(slices: readonly Numbered<unknown>[], progress: Int32Array): void {
  for (const [i] of slices) {
    while (Atomics.load(progress, i) === TAKEN) {
      if (Atomics.wait(progress, i, TAKEN, LOST_MS) === 'timed-out')
        Atomics.compareExchange(progress, i, TAKEN, FREE);
    }
  }
}
