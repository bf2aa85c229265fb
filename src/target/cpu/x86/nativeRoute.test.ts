/** Threads walk in machine code: what it has learned from the host it does alone, and what it cannot do the host is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiledKernels } from '../kernels/kernelModule.ts';
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import { createKernelMemory } from '../kernels/memories.ts';
import { ReadyWork } from '../threads/calls.ts';
import { openKernels, type KernelSet } from '../threads/kernelSet.ts';
import { packCalls, type Call, type Chunk } from '../threads/packing.ts';
import { makeTally, resetTally } from '../threads/tally.ts';
import { CONTROL, makeControl, routeWords, Walker } from '../threads/walk.ts';
import { chooseEmitter, machineCode } from './machineCode.ts';

const { level, reason = 'this processor has no AVX-512 VNNI' } = chooseEmitter('auto');
const skip = level === 'avx512' ? false : reason;

const POSITIONS = 64;
const SIZE = 64;
const STATE = { at: 8192, capacity: 4, slotBytes: 4 * 4 * SIZE };

function chunkOf(kernel: KernelName, args: Readonly<Record<string, number>>): Chunk {
  const names = Object.keys(KERNELS[kernel]);
  const state = names.indexOf('state');
  const stateArgs = state < 0 ? [] : [{ index: state, slotBytes: STATE.slotBytes }];
  return {
    step: { number: 0, kernel, scratchArgs: [], stateArgs },
    args: names.map((name) => args[name]!),
  };
}

const add = (out: number): Chunk => chunkOf('add', { a: 1024, b: 2048, out, size: SIZE });
const append = chunkOf('append', {
  ...{ x: 4096, positions: POSITIONS, state: STATE.at, B: 1, T: 1, capacity: STATE.capacity },
  size: SIZE,
});
const sum = chunkOf('mul', { a: 4096, b: 4096, out: 5120, size: SIZE });

/** A thread that walks calls, and how often the host ran a kernel. */
function walkerOf(calls: readonly Call[]) {
  const memory = createKernelMemory(true);
  const { module } = compiledKernels(true);
  const kernels = openKernels({ module, memory, code: machineCode('avx512') });
  let host = 0;
  const counted: KernelSet = {
    ...kernels,
    prepare(kernel, values) {
      const prepared = kernels.prepare(kernel, values);
      return { ...prepared, run: () => (host++, prepared.run()) };
    },
  };
  const [control, tally] = [makeControl(1), makeTally(calls.length)];
  const words = routeWords(control, tally, 0);
  const given = { ...packCalls(calls), scratchAddress: 0, scratchBytes: 0 };
  const work = new ReadyWork(counted, given, 0, words);
  const walker = new Walker(0, control);
  let runs = 0;
  const run = (slot = 0): { readonly host: number; readonly error: unknown } => {
    host = 0;
    resetTally(tally, ++runs);
    work.moveTo(slot);
    walker.walk(work, tally, runs);
    assert.deepEqual(
      [...tally.done],
      calls.map(({ length }) => length),
    );
    return { host, error: walker.takeError() };
  };
  return {
    ...{ memory, run, tally, control, walker, work },
    numbers: new Float32Array(memory.buffer),
    integers: new Int32Array(memory.buffer),
  };
}

test('what the host has run once machine code runs alone, with the same results', { skip }, () => {
  const { numbers, run } = walkerOf([[[add(4096)]], [[append], [add(6144), add(7168)]]]);
  for (const expected of [4, 0, 0]) {
    numbers.fill(0, 4096 / 4);
    numbers.fill(expected + 1, 1024 / 4, 1024 / 4 + SIZE).fill(2, 2048 / 4, 2048 / 4 + SIZE);
    assert.deepEqual(run(), { host: expected, error: undefined });
    for (const at of [4096, 6144, 7168, STATE.at])
      assert.deepEqual([numbers[at / 4], numbers[at / 4 + SIZE - 1]], [expected + 3, expected + 3]);
  }
});

test('what has no machine code the host runs in each run, and goes back', { skip }, () => {
  const { numbers, run } = walkerOf([[[add(4096)]], [[sum]], [[add(6144)]]]);
  numbers.fill(3, 1024 / 4, 1024 / 4 + SIZE);
  assert.deepEqual([run().host, run().host, run().host], [3, 1, 1]);
  assert.deepEqual([numbers[5120 / 4], numbers[6144 / 4]], [9, 3]);
});

test('of a task that machine code can do a part of, the host does the rest', { skip }, () => {
  const { numbers, run } = walkerOf([[[append, sum, add(6144), sum]], [[sum, sum]]]);
  for (const expected of [6, 4, 4]) {
    numbers.fill(expected, 1024 / 4, 1024 / 4 + SIZE).fill(0, 2048 / 4, 2048 / 4 + SIZE);
    numbers.fill(3, 4096 / 4, 4096 / 4 + SIZE).fill(0, 5120 / 4);
    assert.deepEqual(run(), { host: expected, error: undefined });
    const results = [5120, 6144, STATE.at].map((at) => numbers[at / 4]);
    assert.deepEqual(results, [9, expected, 3]);
  }
});

test('calls and tasks may be as many as there are', { skip }, () => {
  const many = walkerOf(Array.from({ length: 5000 }, () => [[add(4096)]]));
  const long = walkerOf([[[...Array<Chunk>(5000).fill(add(4096)), add(6144)]]]);
  for (const { numbers, run } of [many, long]) {
    run();
    numbers.fill(0, 4096 / 4).fill(2, 1024 / 4, 1024 / 4 + SIZE);
    assert.deepEqual(run(), { host: 0, error: undefined });
    assert.equal(numbers[4096 / 4]! - numbers[2048 / 4]!, 2);
  }
  assert.equal(long.numbers[6144 / 4]! - long.numbers[2048 / 4]!, 2);
});

test('a run that is over is left, and who sleeps is woken', { skip }, () => {
  const { run, tally, control, walker, work } = walkerOf([[[add(4096)], [add(6144)]]]);
  run();
  resetTally(tally, 100);
  walker.walk(work, tally, 99);
  assert.deepEqual([...tally.done, tally.next[0]! & 4095], [0, 0]);
  Atomics.store(control, CONTROL.waiting, 1);
  assert.deepEqual(run(), { host: 0, error: undefined });
});

test('on another slot state is elsewhere', { skip }, () => {
  const { numbers, run } = walkerOf([[[append]]]);
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
  const { integers, run } = walkerOf([[[append], [add(6144)]]]);
  assert.equal(run().error, undefined);
  for (const position of [-1, STATE.capacity]) {
    integers[POSITIONS / 4] = position;
    assert.match(String(run().error), /a state of 4 rows must have room for 1 more/);
  }
  integers[POSITIONS / 4] = STATE.capacity - 1;
  assert.deepEqual(run(), { host: 0, error: undefined });
});

test('a memory that has grown is walked as before', { skip }, () => {
  const { memory, numbers, run } = walkerOf([[[add(4096)]]]);
  numbers.fill(1, 1024 / 4, 1024 / 4 + SIZE);
  run();
  memory.grow(1);
  assert.deepEqual([run().error, run().host], [undefined, 0]);
  assert.equal(new Float32Array(memory.buffer, 4096, 1)[0], 1);
});
