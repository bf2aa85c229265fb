/**
 * When the chunks of a run ran, and where: three words each, in the order of the calls. Threads count
 * time from starts of their own, so what they write counts from 1970.
 *
 *   thread   start, ms   end, ms
 */
import type { Trace } from '../../../trace/index.ts';
import type { ReadyTask, Work } from './calls.ts';

export type Times = Float64Array<ArrayBuffer | SharedArrayBuffer>;

const WORDS = 3;

export function wordsOfTimes({ calls }: Work): number {
  return WORDS * calls.flat(2).length;
}

/** Runs a task. */
export function runTimed({ first, chunks }: ReadyTask, times: Times, thread: number): void {
  for (const [i, chunk] of chunks.entries()) {
    const start = nowMs();
    chunk();
    times.set([thread, start, nowMs()], WORDS * (first + i));
  }
}

/** Adds a run to a trace, a track for each thread; `startMs` is the time of its cycle 0. */
export function traceTimes(
  trace: Trace,
  { calls }: Work,
  steps: readonly { readonly label: string }[],
  times: Times,
  startMs: number,
): void {
  const cycle = (ms: number): number =>
    Math.max(0, Math.round(((ms - startMs) * trace.clockHz) / 1000));
  for (const [i, { kernel, step }] of calls.flat(2).entries()) {
    const { label } = steps[step]!;
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
