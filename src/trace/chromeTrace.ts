/**
 * The Chrome trace event format [1], which ui.perfetto.dev and chrome://tracing open.
 *
 * One process; one thread a track, named by metadata events; complete events (`ph: X`) with times in
 * microseconds. The exact cycle numbers are in `args`, because microseconds of a fast clock are fractions.
 *
 * [1] https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU ("JSON Object Format")
 */
import type { CounterSample, Trace, TraceEvent } from './trace.ts';

const PROCESS = 1;

/** The JSON text of `trace` in pieces, so that a file of any length is written in bounded memory. */
export function* chromeTrace(trace: Trace, processName = 'celadon'): Generator<string> {
  const microseconds = (cycles: number): number => (cycles / trace.clockHz) * 1e6;
  const threads = numberTracks(trace.events);
  const other = { clockHz: trace.clockHz, droppedEvents: trace.dropped };
  yield `{"displayTimeUnit":"ns","otherData":${JSON.stringify(other)},"traceEvents":[\n`;
  yield metadata('process_name', 0, processName);
  for (const [track, thread] of threads) yield `,\n${metadata('thread_name', thread, track)}`;
  for (const event of trace.events) {
    yield `,\n${complete(event, threads.get(event.track)!, microseconds)}`;
  }
  for (const sample of trace.samples) yield `,\n${counter(sample, microseconds)}`;
  yield '\n]}\n';
}

/** Thread numbers from 1 in the order tracks first appear. */
function numberTracks(events: readonly TraceEvent[]): Map<string, number> {
  const threads = new Map<string, number>();
  for (const { track } of events) {
    if (!threads.has(track)) threads.set(track, threads.size + 1);
  }
  return threads;
}

function metadata(name: string, thread: number, value: string): string {
  return JSON.stringify({ ph: 'M', name, pid: PROCESS, tid: thread, args: { name: value } });
}

function complete(
  { name, label, startCycles, durationCycles, args }: TraceEvent,
  thread: number,
  microseconds: (cycles: number) => number,
): string {
  return JSON.stringify({
    ph: 'X',
    name,
    ...(label !== undefined && { cat: label }),
    pid: PROCESS,
    tid: thread,
    ts: microseconds(startCycles),
    dur: microseconds(durationCycles),
    args: { ...(label !== undefined && { label }), startCycles, durationCycles, ...args },
  });
}

function counter(
  { name, atCycles, value }: CounterSample,
  microseconds: (cycles: number) => number,
): string {
  return JSON.stringify({
    ph: 'C',
    name,
    pid: PROCESS,
    tid: 0,
    ts: microseconds(atCycles),
    args: { value },
  });
}
