import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { loadChip, type Chip } from '../../../chip/index.ts';
import { assemble } from '../assemble.ts';
import type { Instruction } from '../isa.table.ts';
import { portsHeld } from './portUse.ts';
import { randomProgram } from './randomProgram.ts';
import { TimedProgram } from './timedProgram.ts';
import { Timing } from './timing.ts';

const NANO = loadChip('jade-nano');

/** Start and end of each instruction with all of its rows. */
function courses(program: TimedProgram): (readonly [number, number])[] {
  const timing = new Timing(program);
  program.instructions.forEach(({ fields }, index) => timing.setRows(index, fields['rows']!));
  const found: (readonly [number, number])[] = [];
  while (timing.take()) {
    timing.commit();
    found[timing.index] = [timing.start, timing.course.end];
  }
  return found;
}

/** `text` with the ports that are kept, and how many there are in all. */
function portsOf(text: string): { kept: number; all: number } {
  const program = assemble(text);
  const kept = new TimedProgram(NANO, program).ports.ports.length;
  return { kept, all: portsHeld(program, NANO).ports.length };
}

const LOAD = 'load memory=0 local=0 rowBytes=64 rows=1 planes=1 unless=none';
const COPY = 'copy a=0 rows=1 inner=1 columns=16 d=0x4000 rowCount=none';
const STORE = 'store memory=0 local=0 rowBytes=64 rows=1 planes=1';

test('ports that a single queue uses are left out', () => {
  assert.deepEqual(portsOf(`${LOAD}\n${COPY}`), { kept: 0, all: 3 });
});

test('a port that two queues use is kept, unless one waits for the other', () => {
  assert.deepEqual(portsOf(`${COPY}\n${STORE}`), { kept: 2, all: 3 });
  assert.deepEqual(portsOf(`${COPY}; signal store\n${STORE}; wait vector`), { kept: 0, all: 3 });
});

test('waiting for another that waited counts, and so does what its queue has before it', () => {
  const chain = [`${COPY}; signal load`, `${LOAD}; wait vector; signal store`];
  assert.equal(portsOf([...chain, `${STORE}; wait load`].join('\n')).kept, 0);
  const behind = [COPY, `${COPY}; signal store`];
  assert.equal(portsOf([...behind, `${STORE}; wait vector`].join('\n')).kept, 0);
});

/** A small chip, so that random operands meet often. */
const SMALL: Chip = {
  ...NANO,
  scratchpad: { sizeBytes: 8192, banks: 8 },
  accumulator: { sizeBytes: 4096, banks: 2 },
  control: { sizeBytes: 512 },
};

/** Semaphores for the dependencies of a part only: some tokens are given to nobody. */
function withFewerWaits(random: Random, program: readonly Instruction[]): Instruction[] {
  return program.map((instruction) =>
    random.int(3) === 0 ? { ...instruction, wait: 0 } : instruction,
  );
}

test('leaving ports out changes no start and no end', () => {
  let [kept, all] = [0, 0];
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const { program } = randomProgram(random, SMALL, { length: 2 + random.int(60) });
    const chosen = seed % 2 === 0 ? program : withFewerWaits(random, program);
    const timed = new TimedProgram(SMALL, chosen);
    const whole = { ...timed, ports: portsHeld(chosen, SMALL) };
    assert.deepEqual(courses(timed), courses(whole), `seed ${seed}`);
    kept += timed.ports.ports.length;
    all += whole.ports.ports.length;
  }
  assert.ok(kept > all / 10 && kept < all * 0.9, `${kept} of ${all} ports are kept`);
});
