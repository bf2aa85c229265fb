/**
 * Random legal programs: what an instruction touches is what `accesses` says; queues with semaphores
 * give the values of program order; the clock is deterministic and within its bounds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CeladonError, Random } from '../../../base/index.ts';
import { chipNames, loadChip, type Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { ISA, type Instruction, type Opcode } from '../isa.table.ts';
import { accesses, type ByteRange } from './access.ts';
import { MAX_POSITION } from './randomInstruction.ts';
import { randomBytes, randomProgram } from './randomProgram.ts';
import { createSimulator, type RunStats, type Simulator } from './simulator.ts';

/** A small chip, so that random operands meet often. */
function chipWith(activationFormat: 'mxint8' | 'mxfp8'): Chip {
  const chip = nano as Chip;
  return {
    ...chip,
    matrix: { ...chip.matrix, activationFormat },
    scratchpad: { sizeBytes: 8192, banks: 8 },
    accumulator: { sizeBytes: 4096, banks: 2 },
    control: { sizeBytes: 512 },
  };
}

/** Without semaphores. */
function drawProgram(random: Random, chip: Chip, length: number): Instruction[] {
  const { program } = randomProgram(random, chip, { length });
  return program.map((instruction) => ({ ...instruction, wait: 0, signal: 0 }));
}

/** A chip with random bytes everywhere. */
function machine(chip: Chip, seed: number): Simulator {
  const random = new Random(seed);
  const { memory, positions } = randomProgram(random, chip, { length: 0 });
  const simulator = createSimulator(chip, memory.length);
  simulator.local.set(randomBytes(random, simulator.local.length));
  simulator.memory.set(memory);
  simulator.positions.set(positions);
  return simulator;
}

const chips = (['mxint8', 'mxfp8'] as const).map(chipWith);
const options = { maxPosition: MAX_POSITION };

function inRanges(ranges: readonly ByteRange[], size: number): Uint8Array {
  const inside = new Uint8Array(size);
  for (const { start, end } of ranges) inside.fill(1, start, end);
  return inside;
}

/** New random bytes everywhere but in `kept`. */
function disturb(bytes: Uint8Array, kept: readonly ByteRange[], random: Random): void {
  const inside = inRanges(kept, bytes.length);
  bytes.forEach((_, i) => {
    if (inside[i] === 0) bytes[i] = random.uint32();
  });
}

interface Image {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

function runOne(instruction: Instruction, simulator: Simulator): { local: Image; memory: Image } {
  const [local, memory] = [simulator.local.slice(), simulator.memory.slice()];
  simulator.run([instruction], options);
  return {
    local: { before: local, after: simulator.local },
    memory: { before: memory, after: simulator.memory },
  };
}

/** Nothing but `writes` changes, and what is written does not depend on bytes that are not read. */
function checkWrites(one: Image, other: Image, writes: readonly ByteRange[], what: string): void {
  const inside = inRanges(writes, one.before.length);
  for (let i = 0; i < inside.length; i++) {
    const untouched = one.after[i] === one.before[i] && other.after[i] === other.before[i];
    if (untouched) continue;
    assert.ok(inside[i] === 1, `${what}: byte ${i} is written`);
    assert.equal(one.after[i], other.after[i], `${what}: byte ${i} depends on what is not read`);
  }
}

test('an instruction reads and writes only what accesses() says', () => {
  const random = new Random(1);
  for (let trial = 0; trial < 1500; trial++) {
    const chip = chips[trial % 2]!;
    const [instruction] = drawProgram(random, chip, 1) as [Instruction];
    const found = accesses(instruction, MAX_POSITION);
    const [one, other] = [machine(chip, trial), machine(chip, trial)];
    disturb(other.local, found.localReads, random);
    disturb(other.memory, found.memoryReads, random);
    const [first, second] = [runOne(instruction, one), runOne(instruction, other)];
    const what = `trial ${trial}, ${JSON.stringify(instruction)}`;
    checkWrites(first.local, second.local, found.localWrites, what);
    checkWrites(first.memory, second.memory, found.memoryWrites, what);
  }
});

/** The values of program order: one instruction at a time. */
function runInOrder(program: readonly Instruction[], simulator: Simulator): void {
  for (const instruction of program) {
    simulator.run([{ ...instruction, wait: 0, signal: 0 }], options);
  }
}

function assertSame(actual: Simulator, expected: Simulator, what: string): void {
  assert.ok(Buffer.compare(actual.local, expected.local) === 0, `${what}: chip`);
  assert.ok(Buffer.compare(actual.memory, expected.memory) === 0, `${what}: memory`);
}

test('with semaphores for all dependencies, queues give the values of program order', () => {
  for (let seed = 0; seed < 150; seed++) {
    const random = new Random(seed);
    const chip = chips[seed % 2]!;
    const { program } = randomProgram(random, chip, { length: 2 + random.int(60) });
    const [queued, ordered] = [machine(chip, seed), machine(chip, seed)];
    queued.run(program, { ...options, checkHazards: true });
    runInOrder(program, ordered);
    assertSame(queued, ordered, `seed ${seed}`);
  }
});

test('without semaphores, a program that passes the hazard check gives the values of program order', () => {
  let passed = 0;
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const chip = chips[seed % 2]!;
    const program = drawProgram(random, chip, 2 + random.int(12));
    const [queued, ordered] = [machine(chip, seed), machine(chip, seed)];
    try {
      queued.run(program, { ...options, checkHazards: true });
    } catch (error) {
      assert.ok(error instanceof CeladonError && error.message.includes('touch the same bytes'));
      continue;
    }
    passed++;
    runInOrder(program, ordered);
    assertSame(queued, ordered, `seed ${seed}`);
  }
  assert.ok(passed > 50 && passed < 250, `${passed} of 300 programs have no hazard`);
});

test('a program with a prologue depends on nothing but the memory and the positions', () => {
  for (let seed = 0; seed < 20; seed++) {
    const chip = chips[seed % 2]!;
    const options20 = { length: 20, prologue: 'all memories' as const };
    const { program, memory, positions } = randomProgram(new Random(seed), chip, options20);
    const [zeros, ones] = [0, 255].map((byte) => {
      const simulator = createSimulator(chip, memory.length);
      simulator.local.fill(byte);
      simulator.memory.set(memory);
      simulator.positions.set(positions);
      simulator.run(program, { ...options, checkHazards: true });
      return simulator;
    }) as [Simulator, Simulator];
    assertSame(zeros, ones, `seed ${seed}`);
  }
});

test('programs are drawn for every opcode on every chip', () => {
  for (const name of chipNames()) {
    for (const op of Object.keys(ISA) as Opcode[]) {
      const { program } = randomProgram(new Random(1), loadChip(name), {
        length: 3,
        opcodes: [op],
      });
      assert.deepEqual(
        program.map((instruction) => instruction.op),
        [op, op, op],
      );
    }
  }
});

test('the clock is deterministic', () => {
  for (let seed = 0; seed < 20; seed++) {
    const chip = chips[seed % 2]!;
    const { program } = randomProgram(new Random(seed), chip, { length: 40 });
    const runs = [0, 1].map(() =>
      machine(chip, seed).run(program, { ...options, collectEvents: true }),
    );
    assert.deepEqual(runs[1], runs[0]);
  }
});

/** Cycles when each instruction starts after the one before has completed. */
function serialCycles(program: readonly Instruction[], simulator: Simulator): number {
  let cycles = 0;
  for (const instruction of program) {
    cycles += simulator.run([{ ...instruction, wait: 0, signal: 0 }], options).cycles;
  }
  return cycles;
}

test('a run is no longer than its instructions one by one, and no shorter than its busiest unit', () => {
  for (let seed = 0; seed < 60; seed++) {
    const chip = chips[seed % 2]!;
    const { program } = randomProgram(new Random(seed), chip, { length: 40 });
    const stats: RunStats = machine(chip, seed).run(program, options);
    assert.ok(stats.cycles <= serialCycles(program, machine(chip, seed)), `seed ${seed}`);
    assert.ok(
      stats.cycles >= Math.max(stats.memoryBusyCycles, ...stats.busyCycles),
      `seed ${seed}`,
    );
  }
});
