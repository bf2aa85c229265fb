import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { loadChip, type Chip } from '../../../chip/index.ts';
import { assemble } from '../assemble.ts';
import type { Instruction } from '../isa.table.ts';
import { randomProgram } from '../sim/randomProgram.ts';
import { TimedProgram } from '../sim/timedProgram.ts';
import { Timing } from '../sim/timing.ts';
import { groupsOf, kindsOf } from './groups.ts';
import { RepeatingRun } from './repeats.ts';

const NANO = loadChip('jade-nano');

/** A small chip, so that random operands meet often. */
const SMALL: Chip = {
  ...NANO,
  scratchpad: { sizeBytes: 8192, banks: 8 },
  accumulator: { sizeBytes: 4096, banks: 2 },
  control: { sizeBytes: 512 },
};

/** Instructions that are dispatched together, with the rows of each. */
interface Segment {
  readonly program: readonly Instruction[];
  readonly rows: readonly number[];
}

function drawSegment(random: Random): Segment {
  const { program } = randomProgram(random, SMALL, { length: 1 + random.int(40) });
  const isEmpty = random.int(3) === 0;
  const rows = program.map(({ fields }) => (isEmpty ? 0 : fields['rows']!));
  return { program, rows };
}

function clockOf(segments: readonly Segment[]): { timing: Timing; timed: TimedProgram } {
  const timed = new TimedProgram(
    SMALL,
    segments.flatMap(({ program }) => program),
  );
  const timing = new Timing(timed);
  segments.flatMap(({ rows }) => rows).forEach((count, index) => timing.setRows(index, count));
  return { timing, timed };
}

function totals({ cycles, busyCycles, channelBusyCycles }: Timing): unknown {
  return { cycles, busyCycles: [...busyCycles], channelBusyCycles };
}

function runWhole(timing: Timing): void {
  timing.reset();
  while (timing.take()) timing.commit();
}

/** Runs the segments as groups; returns how many of them were skipped. */
function runInGroups(timing: Timing, timed: TimedProgram, segments: readonly Segment[]): number {
  let place = 0;
  const starts = segments.map(({ program }) => (place += program.length) - program.length);
  const kinds = kindsOf(timed, timing.costs);
  const run = new RepeatingRun(timing, kinds);
  run.run(groupsOf(timed, kinds, starts));
  return run.skipped;
}

test('random programs of segments that come again take the same cycles when these are skipped', () => {
  let skipped = 0;
  let all = 0;
  for (let seed = 0; seed < 400; seed++) {
    const random = new Random(seed);
    const drawn = Array.from({ length: 1 + random.int(3) }, () => drawSegment(random));
    const segments: Segment[] = [];
    while (segments.length < 30) {
      const next = drawn[random.int(drawn.length)]!;
      for (let times = 1 + random.int(8); times > 0; times--) segments.push(next);
    }
    const { timing, timed } = clockOf(segments);
    runWhole(timing);
    const expected = totals(timing);
    skipped += runInGroups(timing, timed, segments);
    timing.requireEnd();
    assert.deepEqual(totals(timing), expected, `seed ${seed}`);
    runWhole(timing); // a run leaves nothing behind
    assert.deepEqual(totals(timing), expected, `seed ${seed}, again`);
    all += segments.length;
  }
  assert.ok(skipped > all / 3, `${skipped} of ${all} segments are skipped`);
});

test('what a unit still does counts: the array, while products follow each other', () => {
  const [program, others] = [40, 3].map((rows) =>
    assemble(
      `matmul a=0x400 rows=${rows} inner=1 k=32 w=0 wFormat=2 columns=1 c=0x2000 cStride=4 rowList=none ` +
        'aStride=33 wStride=33 accumulate=0 transposed=0 rowCount=none',
    ),
  ) as [Instruction[], Instruction[]];
  const long = { program, rows: [40] };
  const short = { program: others, rows: [3] };
  const many = (segment: Segment): Segment[] => Array.from({ length: 40 }, () => segment);
  const segments = [...many(long), short, ...many(long), ...many(short), long];
  const { timing, timed } = clockOf(segments);
  runWhole(timing);
  const expected = totals(timing);
  assert.ok(runInGroups(timing, timed, segments) > 80);
  assert.deepEqual(totals(timing), expected);
});

test('segments that come again soon need no run', () => {
  const program = assemble(`
    load memory=0 local=0 rowBytes=64 rows=1 planes=1 unless=none; signal vector
    copy a=0 rows=1 inner=1 columns=16 d=0x800 rowCount=none; wait load
  `);
  const segments = Array.from({ length: 100 }, () => ({ program, rows: [0, 1] }));
  const { timing, timed } = clockOf(segments);
  assert.ok(runInGroups(timing, timed, segments) > 80);
});

test('a program that cannot go on says so as it does without groups', () => {
  const segment = drawSegment(new Random(1));
  const waits = assemble('copy a=0 rows=1 inner=1 columns=16 d=0x800 rowCount=none; wait load');
  const stuck = { program: waits, rows: [1] };
  const segments = [segment, segment, ...Array.from({ length: 12 }, () => stuck), segment];
  const messageOf = (run: () => unknown): string => {
    try {
      run();
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const { timing, timed } = clockOf(segments);
  runWhole(timing);
  const expected = messageOf(() => timing.requireEnd());
  assert.match(expected, /deadlock: .*waits for load/);
  assert.equal(
    messageOf(() => runInGroups(timing, timed, segments)),
    expected,
  );
});
