/** Routes, of WebAssembly and of machine code: what they have learned from the host they do alone, and what they cannot do the host is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiledKernels } from '../kernels/kernelModule.ts';
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import { createKernelMemory } from '../kernels/memories.ts';
import { compiledWalk } from '../kernels/walk.ts';
import { chooseEmitter, machineCode } from '../x86/index.ts';
import { ReadyWork } from './calls.ts';
import { packCalls, type Call, type Chunk } from './packing.ts';
import { CONTROL, makeControl, threadWords, wordsOf } from './control.ts';
import { openKernels, type KernelSet, type KernelSource } from './kernelSet.ts';
import { resetTally } from './tally.ts';
import { Walker } from './walk.ts';

type Kind = 'wasm' | 'machine';

const { level, reason = 'this processor has no AVX-512 VNNI' } = chooseEmitter('auto');
const skip = level === 'avx512' ? false : reason;

/** A test of both kinds of routes. */
function testBoth(name: string, check: (kind: Kind) => void): void {
  test(`in WebAssembly, ${name}`, () => check('wasm'));
  test(`in machine code, ${name}`, { skip }, () => check('machine'));
}

const walkOf = (kind: Kind): KernelSource['walk'] =>
  kind === 'wasm' ? { module: compiledWalk(true, 1) } : { code: machineCode('avx512') };

const POSITIONS = 64;
const SIZE = 64;
const STATE = { at: 8192, capacity: 4, slotBytes: 4 * 4 * SIZE };

function chunkOf(kernel: KernelName, args: Readonly<Record<string, number>>): Chunk {
  const names = Object.keys(KERNELS[kernel]);
  const state = names.indexOf('state');
  const stateArgs = state < 0 ? [] : [{ index: state, slotBytes: STATE.slotBytes }];
  const step = { number: 0, kernel, scratchArgs: [], stateArgs };
  return { step, args: names.map((name) => args[name]!) };
}

const add = (out: number): Chunk => chunkOf('add', { a: 1024, b: 2048, out, size: SIZE });
const append = chunkOf('append', {
  ...{ x: 4096, positions: POSITIONS, state: STATE.at, B: 1, T: 1, capacity: STATE.capacity },
  size: SIZE,
});
const sum = chunkOf('mul', { a: 4096, b: 4096, out: 5120, size: SIZE });

/** A thread that walks calls, and how often the host ran a kernel. */
function walkerOf(kind: Kind, calls: readonly Call[]) {
  const [memory, control] = [createKernelMemory(true), makeControl(2)];
  const { module } = compiledKernels(true);
  const kernels = openKernels({ module, memory, walk: walkOf(kind) }, control, 0);
  let host = 0;
  const counted: KernelSet = {
    ...kernels,
    prepare(kernel, values) {
      const prepared = kernels.prepare(kernel, values);
      return { ...prepared, run: () => (host++, prepared.run()) };
    },
  };
  const words = threadWords(control, 0);
  const prepare = (own: readonly Call[]): ReadyWork =>
    new ReadyWork(counted, { ...packCalls(own), scratchAddress: 0, scratchBytes: 0 }, 0);
  const work = prepare(calls);
  const walker = new Walker(0, control);
  let runs = 0;
  const run = (slot = 0, walked = work): { readonly host: number; readonly error: unknown } => {
    host = 0;
    resetTally(words, walked.tasks.length, ++runs);
    walked.moveTo(slot);
    walker.walk(walked, runs);
    assert.deepEqual([...words.done.subarray(0, walked.tasks.length)], walked.tasks);
    return { host, error: walker.takeError() };
  };
  return {
    ...{ memory, run, words, control, walker, work, prepare },
    numbers: new Float32Array(memory.buffer),
    integers: new Int32Array(memory.buffer),
  };
}

testBoth('what the host has run once runs alone, with the same results', (kind) => {
  const { numbers, run } = walkerOf(kind, [[[add(4096)]], [[append], [add(6144), add(7168)]]]);
  for (const expected of [4, 0, 0]) {
    numbers.fill(0, 4096 / 4);
    numbers.fill(expected + 1, 1024 / 4, 1024 / 4 + SIZE).fill(2, 2048 / 4, 2048 / 4 + SIZE);
    assert.deepEqual(run(), { host: expected, error: undefined });
    for (const at of [4096, 6144, 7168, STATE.at])
      assert.deepEqual([numbers[at / 4], numbers[at / 4 + SIZE - 1]], [expected + 3, expected + 3]);
  }
});

test('what has no machine code the host runs in each run, and goes back', { skip }, () => {
  const { numbers, run } = walkerOf('machine', [[[add(4096)]], [[sum]], [[add(6144)]]]);
  numbers.fill(3, 1024 / 4, 1024 / 4 + SIZE);
  assert.deepEqual([run().host, run().host, run().host], [3, 1, 1]);
  assert.deepEqual([numbers[5120 / 4], numbers[6144 / 4]], [9, 3]);
});

test('of a task that machine code can do a part of, the host does the rest', { skip }, () => {
  const { numbers, run } = walkerOf('machine', [[[append, sum, add(6144), sum]], [[sum, sum]]]);
  for (const expected of [6, 4, 4]) {
    numbers.fill(expected, 1024 / 4, 1024 / 4 + SIZE).fill(0, 2048 / 4, 2048 / 4 + SIZE);
    numbers.fill(3, 4096 / 4, 4096 / 4 + SIZE).fill(0, 5120 / 4);
    assert.deepEqual(run(), { host: expected, error: undefined });
    const results = [5120, 6144, STATE.at].map((at) => numbers[at / 4]);
    assert.deepEqual(results, [9, expected, 3]);
  }
});

testBoth('calls and tasks may be as many as there are', (kind) => {
  const many = walkerOf(
    kind,
    Array.from({ length: 5000 }, () => [[add(4096)]]),
  );
  const long = walkerOf(kind, [[[...Array<Chunk>(5000).fill(add(4096)), add(6144)]]]);
  for (const { numbers, run } of [many, long]) {
    run();
    numbers.fill(0, 4096 / 4).fill(2, 1024 / 4, 1024 / 4 + SIZE);
    assert.deepEqual(run(), { host: 0, error: undefined });
    assert.equal(numbers[4096 / 4]! - numbers[2048 / 4]!, 2);
  }
  assert.equal(long.numbers[6144 / 4]! - long.numbers[2048 / 4]!, 2);
});

testBoth('a run that is over is left, and who sleeps is woken', (kind) => {
  const { run, words, control, walker, work } = walkerOf(kind, [[[add(4096)], [add(6144)]]]);
  run();
  resetTally(words, 1, 100);
  walker.walk(work, 99);
  assert.deepEqual([words.done[0], words.next[0]! & 4095], [0, 0]);
  Atomics.store(wordsOf(control), CONTROL.waiting, 1);
  assert.deepEqual(run(), { host: 0, error: undefined });
});

testBoth('on another slot state is elsewhere', (kind) => {
  const { numbers, run } = walkerOf(kind, [[[append]]]);
  numbers.fill(5, 4096 / 4, 4096 / 4 + SIZE);
  assert.deepEqual(
    [0, 0, 1, 1, 0].map((slot) => run(slot).host),
    [1, 0, 1, 0, 1],
  );
  assert.deepEqual(
    [0, 1].map((slot) => numbers[(STATE.at + slot * STATE.slotBytes) / 4]),
    [5, 5],
  );
});

test('what a function refuses the host says, and later runs go on', { skip }, () => {
  const { integers, run } = walkerOf('machine', [[[append], [add(6144)]]]);
  assert.equal(run().error, undefined);
  for (const position of [-1, STATE.capacity]) {
    integers[POSITIONS / 4] = position;
    assert.match(String(run().error), /a state of 4 rows must have room for 1 more/);
  }
  integers[POSITIONS / 4] = STATE.capacity - 1;
  assert.deepEqual(run(), { host: 0, error: undefined });
});

testBoth('a memory that has grown is walked as before', (kind) => {
  const { memory, numbers, run } = walkerOf(kind, [[[add(4096)]]]);
  numbers.fill(1, 1024 / 4, 1024 / 4 + SIZE);
  run();
  memory.grow(1);
  assert.deepEqual([run().error, run().host], [undefined, 0]);
  assert.equal(new Float32Array(memory.buffer, 4096, 1)[0], 1);
});

test('a kernel that traps fails as it does alone, and later runs go on', () => {
  const beyond = chunkOf('add', { a: 1024, b: 2048, out: 2 ** 32 - 4096, size: SIZE });
  const { numbers, run, work, prepare } = walkerOf('wasm', [[[add(4096), append], [add(6144)]]]);
  run();
  // The same tables with another address in them: as if a program had gone wrong after its first run.
  work.route.handOver(0, 0, [{ kernel: 'add', args: beyond.args, run() {} }]);
  numbers.fill(1, 1024 / 4, 1024 / 4 + SIZE).fill(0, 6144 / 4, 6144 / 4 + SIZE);
  const { host, error } = run();
  assert.equal(host, 0);
  assert.throws(() => {
    throw error;
  }, /^RuntimeError: memory access out of bounds/);
  assert.equal(String(error), String(run(0, prepare([[[beyond]]])).error));
  assert.equal(numbers[6144 / 4], 1);
  assert.equal(run(0, prepare([[[add(4096)]]])).error, undefined);
});

test('where the room for tables is used up programs are learned anew', () => {
  const { numbers, run, prepare, words } = walkerOf('wasm', [[[add(4096)]]]);
  const long = 1 + Math.floor(words.room.length / 2 / 5);
  const programs = [6144, 7168].map((out) => prepare([[Array<Chunk>(long).fill(add(out))]]));
  numbers.fill(1, 1024 / 4, 1024 / 4 + SIZE);
  for (const program of [...programs, ...programs, programs[0]!])
    assert.equal(run(0, program).error, undefined);
  assert.deepEqual([numbers[6144 / 4], numbers[7168 / 4]], [1, 1]);
  assert.deepEqual([run().host, run().host], [1, 0]);
  assert.throws(
    () => prepare([Array.from({ length: words.room.length }, () => [])]),
    /must have at most .* words of tables/,
  );
});
