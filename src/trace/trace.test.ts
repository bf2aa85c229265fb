import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../base/index.ts';
import { chromeTrace } from './chromeTrace.ts';
import { summarize } from './summary.ts';
import { Trace } from './trace.ts';

const event = (track: string, startCycles: number, durationCycles: number, label = 'l0') => ({
  track,
  name: `${track}Op`,
  label,
  startCycles,
  durationCycles,
});

test('runs follow each other on one axis of cycles', () => {
  const trace = new Trace({ clockHz: 1e9 });
  trace.add(event('load', 5, 10));
  trace.advance(100);
  trace.add(event('load', 5, 10));
  trace.count('bytes', 7, 64);
  assert.deepEqual(
    trace.events.map(({ startCycles }) => startCycles),
    [5, 105],
  );
  assert.deepEqual(trace.samples, [{ name: 'bytes', atCycles: 107, value: 64 }]);
  assert.equal(trace.originCycles, 100);
});

test('totals stay exact when events are dropped', () => {
  const trace = new Trace({ clockHz: 1e9, maxEvents: 2 });
  for (let i = 0; i < 5; i++) trace.add(event('matrix', i * 10, 10, i < 3 ? 'a' : 'b'));
  assert.equal(trace.events.length, 2);
  assert.equal(trace.dropped, 3);
  assert.deepEqual(trace.totals(), [
    { track: 'matrix', name: 'matrixOp', label: 'a', events: 3, busyCycles: 30 },
    { track: 'matrix', name: 'matrixOp', label: 'b', events: 2, busyCycles: 20 },
  ]);
});

test('a summary groups by any key, largest first, as a share of all cycles', () => {
  const trace = new Trace({ clockHz: 1e9, maxEvents: 0 });
  trace.add(event('load', 0, 40));
  trace.add(event('matrix', 0, 80));
  trace.add(event('store', 0, 5));
  trace.advance(100);
  const shares = summarize(trace, ({ track }) => (track === 'store' ? undefined : track));
  assert.deepEqual(shares, [
    { key: 'matrix', events: 1, busyCycles: 80, share: 0.8 },
    { key: 'load', events: 1, busyCycles: 40, share: 0.4 },
  ]);
});

test('the export is a Chrome trace with named threads, microseconds and exact cycles', () => {
  const trace = new Trace({ clockHz: 2e9 });
  trace.add({ ...event('load', 1000, 500), args: { bytes: 64 } });
  trace.add(event('matrix', 1500, 100));
  trace.count('bytes', 2000, 64);
  const parsed = JSON.parse([...chromeTrace(trace, 'jade')].join(''));
  const names = parsed.traceEvents.filter(({ ph }: { ph: string }) => ph === 'M');
  assert.deepEqual(
    names.map(({ tid, args }: { tid: number; args: { name: string } }) => [tid, args.name]),
    [
      [0, 'jade'],
      [1, 'load'],
      [2, 'matrix'],
    ],
  );
  assert.deepEqual(parsed.traceEvents[3], {
    ph: 'X',
    name: 'loadOp',
    cat: 'l0',
    pid: 1,
    tid: 1,
    ts: 0.5,
    dur: 0.25,
    args: { label: 'l0', startCycles: 1000, durationCycles: 500, bytes: 64 },
  });
  assert.equal(parsed.traceEvents.at(-1).ph, 'C');
  assert.deepEqual(parsed.otherData, { clockHz: 2e9, droppedEvents: 0 });
});

test('a trace without a clock is refused', () => {
  assert.throws(() => new Trace({ clockHz: 0 }), UsageError);
  assert.throws(() => new Trace({ clockHz: 1e9, maxEvents: -1 }), UsageError);
});
