/** The examples at work, what else a simulator offers, and its errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { Bits } from './bits.ts';
import { counter } from './examples/counter.ts';
import { creditQueue } from './examples/creditQueue.ts';
import { dot, dotProduct } from './examples/dotProduct.ts';
import { registerFile } from './examples/registerFile.ts';
import { joinLanes } from './logic.ts';
import { defineModule } from './module.ts';
import { CycleSimulator } from './simulator.ts';
import { toSystemVerilog } from './systemVerilog.ts';

test('a counter counts, wraps, holds and resets', () => {
  const simulator = new CycleSimulator(counter(2));
  const counts = [1, 1, 0, 1, 1, 1].map((enable) => simulator.step({ enable }).count);
  assert.deepEqual(counts, [0n, 1n, 2n, 2n, 3n, 0n]);
  assert.equal(simulator.reset().count, 1n);
  assert.equal(simulator.step({ enable: 0 }).count, 0n);
  assert.equal(simulator.cycle, 8);
});

test('inputs that are not given stay as they were', () => {
  const simulator = new CycleSimulator(counter(8));
  simulator.step({ enable: 1 });
  assert.equal(simulator.step().count, 1n);
  assert.equal(simulator.step().count, 2n);
});

test('a queue gives back what it got, in order, and a credit for each', () => {
  const simulator = new CycleSimulator(creditQueue(4, 8));
  for (const pushData of [11, 22, 33, 44]) simulator.step({ push: 1, pushData });
  const popped = [1, 1, 1, 1, 0].map((pop) => simulator.step({ push: 0, pop }));
  assert.deepEqual(popped.map(({ popData }) => popData).slice(0, 4), [11n, 22n, 33n, 44n]);
  assert.deepEqual(
    popped.map(({ credit }) => credit),
    [0n, 1n, 1n, 1n, 1n],
  );
  assert.equal(popped.at(-1)!.valid, 0n);
});

test('an assertion that does not hold stops before the edge, but not in a reset', () => {
  const simulator = new CycleSimulator(creditQueue(4, 8));
  simulator.step({ push: 1, pushData: 5 });
  simulator.step();
  simulator.step();
  simulator.step();
  assert.throws(() => simulator.step(), {
    message: 'push_on_credit: the assertion must hold',
    where: 'module credit_queue_4x8, cycle 4',
  });
  assert.equal(simulator.probe('used').read(), 4n);
  simulator.reset();
  assert.equal(simulator.step({ push: 0 }).valid, 0n);
});

test('an assumption is checked as an assertion is, and printed as what it is', () => {
  const module = defineModule({
    name: 'one_at_a_time',
    inputs: { a: 1, b: 1 },
    outputs: { both: 1 },
    body: ({ a, b }, m) => {
      const both = a.and(b);
      m.assume('notBoth', both.not());
      return { both };
    },
  });
  const simulator = new CycleSimulator(module);
  simulator.step({ a: 1, b: 0 });
  assert.throws(() => simulator.step({ b: 1 }), /not_both: the assumption must hold/);
  assert.match(toSystemVerilog(module), /begin : not_both\n +assume \(/);
});

test('a dot product is that of its function on values', () => {
  const lanes = 8;
  const random = new Random(3);
  const vector = (): Bits =>
    joinLanes(Array.from({ length: lanes }, () => new Bits(8, random.int(256))));
  const simulator = new CycleSimulator(dotProduct(lanes));
  let sum = 0n;
  for (let i = 0; i < 50; i++) {
    const [a, b] = [vector(), vector()];
    sum += dot(a, b, 8).signed;
    simulator.step({ a: a.value, b: b.value, first: Number(i === 0), valid: 1 });
  }
  simulator.step({ valid: 0 });
  const { total } = simulator.step();
  assert.equal(BigInt.asIntN(32, total), sum);
});

test('a register file gives the newest word, and keeps the data while it does not read', () => {
  const simulator = new CycleSimulator(registerFile(8, 40));
  const write = { write: 1, writeAddress: 3, writeData: 0xff_ffff_ffffn };
  simulator.step({ ...write, read: 1, readAddress: 3 });
  assert.equal(simulator.step({ write: 0, read: 0 }).readData, 0xff_ffff_ffffn);
  assert.equal(simulator.step({ read: 1, readAddress: 2 }).readData, 0xff_ffff_ffffn);
  assert.equal(simulator.step({ readAddress: 3 }).readData, 0n);
  assert.equal(simulator.step().readData, 0xff_ffff_ffffn);
});

const large = defineModule({
  name: 'store',
  inputs: { address: 14, data: 2048, write: 1 },
  outputs: { word: 2048 },
  body: ({ address, data, write }, m) => ({
    word: m.memory('words', {
      words: 16384,
      width: 2048,
      read: { address },
      write: { address, data, enable: write },
    }),
  }),
});

test('a memory of 16384 words of 2048 bits is read and written, by ports and from outside', () => {
  const simulator = new CycleSimulator(large);
  const word = (i: number): bigint => (BigInt(i + 1) << 2040n) | BigInt(i);
  for (const address of [0, 8191, 16383]) {
    simulator.step({ address, data: word(address % 100), write: 1 });
    assert.equal(simulator.readMemory('words', address), word(address % 100));
  }
  simulator.writeMemory('words', 77, -1);
  simulator.step({ address: 77, write: 0 });
  assert.equal(simulator.step({ address: 8191 }).word, 2n ** 2048n - 1n);
  assert.equal(simulator.step({ address: 5 }).word, word(91));
  assert.equal(simulator.step().word, 0n);
});

test('a choice among many wide values is the one of the index', () => {
  const module = defineModule({
    name: 'wide_choice',
    inputs: { index: 6, data: 2048 },
    outputs: { chosen: 2048 },
    body({ index, data }) {
      const options = Array.from({ length: 50 }, (_, i) => data.xor(i));
      return { chosen: index.choose([...options, 9]) };
    },
  });
  const simulator = new CycleSimulator(module);
  const data = 3n << 2046n;
  for (const index of [0, 1, 49]) {
    assert.equal(simulator.step({ index, data }).chosen, data ^ BigInt(index));
  }
  for (const index of [50, 51, 63]) assert.equal(simulator.step({ index }).chosen, 9n);
});

test('memories of other sizes than powers of two refuse addresses beyond, if they are used', () => {
  const module = defineModule({
    name: 'twelve',
    inputs: { address: 4, read: 1, write: 1 },
    outputs: { word: 8 },
    body: ({ address, read, write }, m) => ({
      word: m.memory('words', {
        words: 12,
        width: 8,
        read: { address, enable: read },
        write: { address, data: m.delay('next', address.zeroExtend(8)), enable: write },
      }),
    }),
  });
  const simulator = new CycleSimulator(module);
  simulator.step({ address: 15 });
  const details = {
    message: 'words: the address must be below 12',
    where: 'module twelve, cycle 1',
  };
  assert.throws(() => simulator.step({ address: 12, read: 1 }), details);
  assert.throws(() => simulator.step({ read: 0, write: 1 }), details);
  assert.equal(simulator.probe('next').read(), 15n);
  simulator.step({ address: 11 });
  assert.equal(simulator.readMemory('words', 11), 15n);
});

test('a refused cycle leaves no trace, and a reset that is refused is over', () => {
  const module = defineModule({
    name: 'strict',
    inputs: { x: 8, enable: 1, ok: 1 },
    outputs: { y: 8 },
    body({ x, enable, ok }, m) {
      const y = m.delay('y', x, { enable });
      m.memory('words', { words: 3, width: 8, read: { address: ok.repeat(2), enable: ok } });
      m.assert('fine', x.ne(66));
      return { y };
    },
  });
  const simulator = new CycleSimulator(module);
  simulator.step({ x: 5, enable: 1 });
  assert.throws(() => simulator.step({ x: 66 }), /fine: the assertion must hold/);
  assert.throws(() => simulator.reset({ x: 7, ok: 1 }), /words: the address must be below 3/);
  assert.throws(() => simulator.step({ x: 66, ok: 0 }), /fine: the assertion must hold/);
  assert.equal(simulator.step({ x: 8, enable: 0 }).y, 5n);
  assert.equal(simulator.step().y, 5n);
});

test('probes show each named signal by its path, as of now', () => {
  const simulator = new CycleSimulator(counter(8));
  assert.deepEqual(
    simulator.probes.map(({ path, width }) => `${path} ${width}`),
    ['enable 1', 'count 8', 'count_next 8'],
  );
  simulator.step({ enable: 1 });
  assert.equal(simulator.probe('count_next').read(), 2n);
});

test('a simulator refuses names, values and addresses that are not there', () => {
  const simulator = new CycleSimulator(large);
  const where = 'module store, cycle 0';
  assert.throws(() => simulator.step({ adress: 1 } as never), {
    message: 'an input must be one of address, data, write, not adress',
    where,
  });
  assert.throws(() => simulator.step({ address: 1 << 14 }), {
    message: 'a constant of 14 bits must be an integer that fits, not 16384',
  });
  assert.throws(() => simulator.readMemory('bank', 0), {
    message: 'a memory must be one of words, not bank',
    where,
  });
  assert.throws(() => simulator.writeMemory('words', 16384, 0), {
    message: 'words: the address must be from 0 to 16383, not 16384',
    where,
  });
});

test('an external module is simulated by its model, and refused without one', () => {
  const ports = { inputs: { A: 8 }, outputs: { Q: 8 } } as const;
  const top = (
    body?: Parameters<typeof defineModule<typeof ports.inputs, typeof ports.outputs>>[0]['body'],
  ) => {
    const macro = defineModule({
      name: 'MACRO',
      external: {},
      ...ports,
      ...(body ? { body } : {}),
    });
    return defineModule({
      name: 'top',
      inputs: { x: 8 },
      outputs: { y: 8 },
      body: ({ x }, m) => ({ y: m.instance('macro', macro, { A: x }).Q }),
    });
  };
  const simulator = new CycleSimulator(top(({ A }) => ({ Q: A.add(1) })));
  assert.equal(simulator.step({ x: 4 }).y, 5n);
  assert.throws(() => new CycleSimulator(top()), {
    message: 'an external module must have a model to be simulated, not only ports',
    where: 'macro: module MACRO',
  });
});
