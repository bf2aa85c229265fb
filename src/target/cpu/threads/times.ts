/**
 * When the chunks of a run ran, and where: three words each, in the order of the calls. Threads count
 * time from starts of their own, so what they write counts from 1970.
 *
 *   thread   start, ms   end, ms
 */
import type { Trace } from '../../../trace/index.ts';
import { stepOf, type PackedCalls } from './packing.ts';
import type { Prepared } from './route.ts';

export type Times = Float64Array<ArrayBuffer | SharedArrayBuffer>;

const WORDS = 3;

/** Room for the times of so many chunks. */
export function makeTimes(chunks: number, isShared: boolean): Times {
  const bytes = Float64Array.BYTES_PER_ELEMENT * WORDS * chunks;
  return new Float64Array(isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
}

/** Runs chunks, from number `first` of the program on. */
export function runTimed(
  chunks: readonly Prepared[],
  first: number,
  times: Times,
  thread: number,
): void {
  for (const [i, { run }] of chunks.entries()) {
    const start = nowMs();
    run();
    times.set([thread, start, nowMs()], WORDS * (first + i));
  }
}

/** Adds a run to a trace, a track for each thread; `startMs` is the time of its cycle 0. */
export function traceTimes(
  trace: Trace,
  calls: PackedCalls,
  steps: readonly { readonly label: string }[],
  times: Times,
  startMs: number,
): void {
  const cycle = (ms: number): number =>
    Math.max(0, Math.round(((ms - startMs) * trace.clockHz) / 1000));
  for (const i of calls.stepOfChunk.keys()) {
    const { kernel, number } = stepOf(calls, i);
    const { label } = steps[number]!;
    const [thread, start, end] = times.subarray(WORDS * i, WORDS * (i + 1)) as unknown as number[];
    const startCycles = cycle(start!);
    const durationCycles = cycle(end!) - startCycles;
    const track = `cpu thread ${thread! + 1}`;
    trace.add({ track, name: kernel, label, startCycles, durationCycles });
  }
  trace.advance(cycle(nowMs()));
}

/** Milliseconds since 1970, of the same clock in all threads. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
