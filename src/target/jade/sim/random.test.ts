/**
 * Random legal programs: what an instruction touches is what `accesses` says; queues with semaphores
 * give the values of program order; the clock is deterministic and within its bounds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CeladonError, Random } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { insertSemaphores } from '../emit/semaphores.ts';
import { FORMAT_CODES, NONE, type FieldsOf, type Instruction, type Opcode } from '../isa.table.ts';
import { accesses, type ByteRange } from './access.ts';
import { createSimulator, type RunStats, type Simulator } from './simulator.ts';

const SCRATCHPAD_BYTES = 4096;
const ACCUMULATOR_BYTES = 2048;
const MEMORY_BYTES = 4096;
const MAX_POSITION = 5;

/** A small chip, so that random operands meet often. */
function chipWith(activationFormat: 'mxint8' | 'mxfp8'): Chip {
  const chip = nano as Chip;
  return {
    ...chip,
    matrix: { ...chip.matrix, activationFormat },
    scratchpad: { sizeBytes: SCRATCHPAD_BYTES, banks: 8 },
    accumulator: { sizeBytes: ACCUMULATOR_BYTES, banks: 2 },
  };
}

/** Makes fields; each draw is legal. */
class Generator {
  readonly #random: Random;
  readonly #chip: Chip;

  constructor(random: Random, chip: Chip) {
    this.#random = random;
    this.#chip = chip;
  }

  instruction(): Instruction {
    const ops = Object.keys(this.#make) as Opcode[];
    const op = ops[this.#random.int(ops.length)]!;
    return { op, fields: this.#make[op](), wait: 0, signal: 0 };
  }

  readonly #make: { readonly [O in Opcode]: () => FieldsOf<O> } = {
    load: () => ({ ...this.#transfer(), unless: this.#int(2) === 0 ? NONE : 4 * this.#int(16) }),
    store: () => this.#transfer(),
    gather: () => ({
      memory: this.#int(512),
      local: this.#bytes(),
      rowBytes: this.#int(40),
      rows: this.#int(4),
      memoryStride: this.#int(64),
      localStride: this.#int(64),
      list: this.#words(),
      limit: 1 + this.#int(8),
    }),
    matmul: () => this.#matmul(),
    copy: () => ({
      ...this.#unary(),
      rowCount: this.#maybe(),
      aFormat: this.#int(2) === 0 ? FORMAT_CODES.f32 : FORMAT_CODES.bf16,
    }),
    add: () => this.#binary(),
    mul: () => this.#binary(),
    swiglu: () => this.#binary(),
    silu: () => ({ ...this.#unary(), rowCount: this.#maybe() }),
    rms: () => ({ ...this.#unary(), b: this.#words(), epsilon: 2 ** -this.#int(20) }),
    rope: () => ({
      ...this.#unary(),
      b: this.#words(),
      bStride: this.#stride(),
      interleaved: this.#int(2),
    }),
    softmax: () => ({
      ...this.#unary(),
      b: this.#int(2) === 0 ? NONE : this.#bytes(),
      bStride: this.#int(4),
      scale: 2 ** -this.#int(4),
      sequence: this.#int(2),
      first: this.#int(8),
    }),
    argmax: () => ({
      ...this.#source(),
      d: this.#words(),
      dStride: this.#stride(),
      base: this.#int(100),
      accumulate: this.#int(2),
    }),
    route: () => this.#route(),
    dispatch: () => ({
      a: this.#words(),
      aStride: this.#stride(),
      rows: this.#int(5),
      columns: 8,
      d: this.#words(),
      list: this.#words(),
      listStride: this.#stride(),
    }),
    combine: () => ({
      a: this.#words(),
      aStride: this.#stride(),
      rows: this.#int(5),
      columns: this.#int(20),
      d: this.#words(),
      dStride: this.#stride(),
      gate: this.#words(),
      gateStride: this.#stride(),
      list: this.#words(),
      rowCount: this.#maybe(),
    }),
    zero: () => ({
      d: this.#words(),
      dStride: this.#stride(),
      rows: this.#int(4),
      columns: this.#int(20),
    }),
  };

  #int(n: number): number {
    return this.#random.int(n);
  }

  /** An address that has room behind it. The first 64 bytes are for words that loads test. */
  #bytes(): number {
    return 64 + this.#int(SCRATCHPAD_BYTES + ACCUMULATOR_BYTES - 1088);
  }

  #words(): number {
    return this.#bytes() & ~3;
  }

  #stride(): number {
    return this.#int(24) * 4;
  }

  #maybe(): number {
    return this.#int(2) === 0 ? NONE : this.#words();
  }

  #transfer(): FieldsOf<'store'> {
    return {
      memory: this.#int(MEMORY_BYTES - 1024),
      local: this.#bytes(),
      rowBytes: this.#int(50),
      rows: this.#int(4),
      memoryStride: this.#int(64),
      localStride: this.#int(64),
      planes: this.#int(4),
      memoryPlaneStride: this.#int(64),
      localPlaneStride: this.#int(64),
      positionStride: this.#int(2) * 20,
      sequence: this.#int(2),
    };
  }

  #source(): Pick<FieldsOf<'argmax'>, 'a' | 'aStride' | 'aInner' | 'rows' | 'inner' | 'columns'> {
    return {
      a: this.#words(),
      aStride: this.#stride(),
      aInner: this.#stride(),
      rows: this.#int(5),
      inner: 1 + this.#int(3),
      columns: 32 * (1 + this.#int(2)),
    };
  }

  #unary(): Omit<FieldsOf<'silu'>, 'rowCount'> {
    const quantised = this.#int(3) === 0;
    const source = this.#source();
    return {
      ...source,
      d: quantised ? this.#bytes() : this.#words(),
      dScale: quantised ? this.#bytes() : NONE,
      dStride: this.#stride(),
      dInner: this.#stride(),
      dFormat: quantised ? FORMAT_CODES[this.#chip.matrix.activationFormat] : FORMAT_CODES.f32,
      group: this.#int(2) === 0 ? 32 : source.columns,
    };
  }

  #binary(): FieldsOf<'add'> {
    const b = { b: this.#words(), bStride: this.#stride(), bInner: this.#stride() };
    return { ...this.#unary(), ...b, rowCount: this.#maybe() };
  }

  #matmul(): FieldsOf<'matmul'> {
    const { activationFormat, weightFormat } = this.#chip.matrix;
    const transposed = this.#int(2);
    const rowList = this.#maybe();
    return {
      aData: this.#bytes(),
      aScale: this.#bytes(),
      aStride: this.#int(80),
      aInner: this.#int(80),
      rows: this.#int(6),
      inner: rowList === NONE ? 1 + this.#int(3) : 1,
      k: 32 * (1 + this.#int(2)),
      wData: this.#bytes(),
      wScale: transposed === 1 || this.#int(4) === 0 ? NONE : this.#bytes(),
      wStride: this.#int(16),
      wScaleStride: this.#int(4),
      wFormat: FORMAT_CODES[this.#int(2) === 0 ? activationFormat : weightFormat],
      columns: 2 * (1 + this.#int(12)),
      transposed,
      c: SCRATCHPAD_BYTES + 4 * this.#int(256),
      cStride: 4 * this.#int(32),
      accumulate: this.#int(2),
      rowCount: this.#maybe(),
      rowList,
    };
  }

  #route(): FieldsOf<'route'> {
    return {
      a: this.#words(),
      aStride: this.#stride(),
      b: this.#maybe(),
      rows: this.#int(4),
      columns: 8,
      d: this.#words(),
      dStride: this.#stride(),
      topK: 1 + this.#int(2),
      groups: 4,
      topGroups: 1 + this.#int(4),
      scoring: this.#int(2),
      normalize: this.#int(2),
      scale: 1 + this.#int(3),
    };
  }
}

/** A program without semaphores. */
function randomProgram(random: Random, chip: Chip, length: number): Instruction[] {
  const generator = new Generator(random, chip);
  return Array.from({ length }, () => generator.instruction());
}

function withSemaphores(program: readonly Instruction[]): Instruction[] {
  const labelled = program.map((instruction) => ({ instruction, label: '' }));
  return insertSemaphores(labelled, MAX_POSITION).map(({ instruction }) => instruction);
}

/** Bytes of all kinds; among them small counts, so that lists and counts are often sensible. */
function randomBytes(random: Random, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32();
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) {
    const kind = random.int(4);
    if (kind === 0) words[i] = random.int(6);
    if (kind === 1) words[i] = new Int32Array(Float32Array.of(random.float() * 8 - 4).buffer)[0]!;
  }
}

function machine(chip: Chip, seed: number): Simulator {
  const random = new Random(seed);
  const simulator = createSimulator(chip, MEMORY_BYTES);
  randomBytes(random, simulator.local);
  randomBytes(random, simulator.memory);
  simulator.positions.set([2, MAX_POSITION]);
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
    const [instruction] = randomProgram(random, chip, 1) as [Instruction];
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
    const program = withSemaphores(randomProgram(random, chip, 2 + random.int(60)));
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
    const program = randomProgram(random, chip, 2 + random.int(12));
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

test('the clock is deterministic', () => {
  for (let seed = 0; seed < 20; seed++) {
    const chip = chips[seed % 2]!;
    const program = withSemaphores(randomProgram(new Random(seed), chip, 40));
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
    const program = withSemaphores(randomProgram(new Random(seed), chip, 40));
    const stats: RunStats = machine(chip, seed).run(program, options);
    assert.ok(stats.cycles <= serialCycles(program, machine(chip, seed)), `seed ${seed}`);
    assert.ok(
      stats.cycles >= Math.max(stats.memoryBusyCycles, ...stats.busyCycles),
      `seed ${seed}`,
    );
  }
});
