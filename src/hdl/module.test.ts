/** What `defineModule` refuses, with the whole text, and what it chooses: names, clock, reset, order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CeladonError } from '../base/index.ts';
import { Bits } from './bits.ts';
import { defineModule, type ModuleBuilder } from './module.ts';
import { constant, Signal, type Module } from './signal.ts';

type Body = (s: { a: Signal; b: Signal; flag: Signal }, m: ModuleBuilder) => Signal | number;

/** A module with inputs of 8, 4 and 1 bits and an output of 8. */
function define(body: Body): Module {
  return defineModule({
    name: 'test',
    inputs: { a: 8, b: 4, flag: 1 },
    outputs: { y: 8 },
    body: (inputs, m) => ({ y: body(inputs, m) }),
  });
}

const passThrough = defineModule({
  name: 'passThrough',
  inputs: { x: 8 },
  outputs: { y: 8, z: 8 },
  body: ({ x }, m) => ({ y: x, z: m.delay('z', x) }),
});

const FOREIGN = new Signal(8, { kind: 'input' }, 'foreign');
const read = (address: Signal): { read: { address: Signal } } => ({ read: { address } });

/** Bodies that are wrong: what is wrong, the message, and the hint if there is one. */
const REFUSED: readonly (readonly [what: string, message: string, body: Body, hint?: string])[] = [
  [
    'operands of different widths',
    'add: both operands must have the same width, not 8 bits (a) and 4 bits (b)',
    ({ a, b }) => a.add(b),
  ],
  [
    'a constant that does not fit',
    'a constant of 4 bits must be an integer that fits, not 16',
    ({ b }) => b.add(16).zeroExtend(8),
  ],
  [
    'a constant that is no integer',
    'a constant of 8 bits must be an integer that fits, not 0.5',
    ({ a }) => a.add(0.5),
  ],
  [
    'a width of nothing',
    'a width must be an integer from 1 to 65536, not 0',
    ({ a }, m) => m.wire('none', 0).concat(a),
  ],
  [
    'a condition of several bits',
    'mux: the condition must have 1 bit, not 8 bits (a)',
    ({ a }) => a.mux(a, a),
  ],
  [
    'more options than the index names',
    'choose: an index of 1 bit (flag) must have from 2 to 2 options, one of them not a number, not 3',
    ({ a, flag }) => flag.choose([a, a, a]),
  ],
  [
    'options that are all numbers',
    'choose: an index of 1 bit (flag) must have from 2 to 2 options, one of them not a number, not 2',
    ({ flag }) => flag.choose([1, 2]),
  ],
  [
    'a slice outside',
    'slice: must contain bits 8 to 5, not 8 bits (a)',
    ({ a, b }) => a.slice(8, 5).concat(b),
  ],
  [
    'lanes that do not divide the width',
    'lanes: must be a multiple of 3 bits wide, not 8 bits (a)',
    ({ a }) => a.lanes(3)[0],
  ],
  [
    'an extension to fewer bits',
    'zeroExtend: must have at most 4 bits, not 8 bits (a)',
    ({ a }) => a.zeroExtend(4),
  ],
  [
    'a sign extension to fewer bits',
    'signExtend: must have at most 4 bits, not 8 bits (add)',
    ({ a }) => a.add(1).signExtend(4),
  ],
  [
    'a shift to the other side',
    'shift: must be shifted by a natural number, not -1, not 8 bits (a)',
    ({ a }) => a.shl(-1),
  ],
  [
    'a shift by more than 32 bits',
    'shl: the amount must have at most 32 bits, not 40 bits (concat)',
    ({ a }) => a.shl(a.repeat(5)),
  ],
  [
    'an output of another width',
    'outputs y: the value must have 8 bits, not 4 bits (b)',
    ({ b }) => b,
  ],
  [
    'an output constant that does not fit',
    'a constant of 8 bits must be an integer that fits, not 256',
    () => 256,
  ],
  [
    'a register without a value',
    'count: a register must have a value, not none',
    (_, m) => m.register('count', 8),
    'call count.set(value)',
  ],
  [
    'a wire without a value',
    'later: a wire must have a value, not none',
    (_, m) => m.wire('later', 8),
    'call later.set(value)',
  ],
  [
    'a wire without a value that nothing uses',
    'later: a wire must have a value, not none',
    ({ a }, m) => {
      m.wire('later', 8);
      return a;
    },
    'call later.set(value)',
  ],
  [
    'a second value',
    'later: the value must be given once, not again',
    ({ a }, m) => {
      const wire = m.wire('later', 8);
      wire.set(a);
      wire.set(a);
      return wire;
    },
  ],
  [
    'a value of another width',
    'count: the value must have 8 bits, not 4 bits (b)',
    ({ b }, m) => {
      const count = m.register('count', 8);
      count.set(b);
      return count;
    },
  ],
  [
    'a reset value that does not fit',
    'a constant of 4 bits must be an integer that fits, not 99',
    ({ a }, m) => m.delay('late', a.low(4), { reset: 99 }).zeroExtend(8),
  ],
  [
    'an enable of several bits',
    'late: the enable must have 1 bit, not 4 bits (b)',
    ({ a, b }, m) => m.delay('late', a, { enable: b }),
  ],
  [
    'an assertion of several bits',
    'holds must have 1 bit, not 8 bits (a)',
    ({ a }, m) => {
      m.assert('holds', a);
      return a;
    },
  ],
  [
    'two declarations of one name',
    'a declared name must be new and not reserved, not count',
    ({ a }, m) => m.delay('count', m.delay('count', a)),
  ],
  [
    'names that are one in the text',
    'a declared name must be new and not reserved, not push_data',
    ({ a }, m) => m.delay('pushData', m.delay('push_data', a)),
  ],
  [
    'an assertion with the name of a register',
    'a declared name must be new and not reserved, not late',
    ({ a, flag }, m) => {
      m.assert('late', flag);
      return m.delay('late', a);
    },
  ],
  [
    'a reserved word',
    'a declared name must be new and not reserved, not always_comb',
    ({ a }, m) => m.delay('alwaysComb', a),
  ],
  [
    'a word that is reserved in what Verilator makes',
    'a declared name must be new and not reserved, not register',
    ({ a }, m) => m.delay('register', a),
  ],
  [
    'the name of the clock',
    'a declared name must be new and not reserved, not clock',
    ({ a }, m) => m.delay('clock', a),
  ],
  [
    'a name of other characters',
    'a name must be letters, digits and _ after a letter, not "two words"',
    ({ a }) => a.add(1).named('two words'),
  ],
  [
    'a loop of wires',
    'a loop must contain a register, not turn <- add <- turn',
    (_, m) => {
      const wire = m.wire('turn', 8);
      wire.set(wire.add(1));
      return wire;
    },
  ],
  [
    'a loop through a module',
    'a loop must contain a register, not turn <- inner.y <- turn',
    (_, m) => {
      const wire = m.wire('turn', 8);
      wire.set(m.instance('inner', passThrough, { x: wire }).y);
      return wire;
    },
  ],
  [
    'a signal of another module',
    'a signal must be of this module, not 8 bits (foreign) of another',
    ({ a }) => a.add(FOREIGN),
    'pass it through a port',
  ],
  [
    'an output of an instance in another module',
    'a signal must be of this module, not 8 bits (z) of another',
    () => passThrough.outputs.z,
    'pass it through a port',
  ],
  [
    'an instance without an input',
    'inner: inputs must be x, not ',
    (_, m) => m.instance('inner', passThrough, {} as { x: Signal }).y,
  ],
  [
    'an instance with an input of another width',
    'inner: inputs x: the value must have 8 bits, not 4 bits (b)',
    ({ b }, m) => m.instance('inner', passThrough, { x: b }).y,
  ],
  [
    'a memory of one word',
    'store: a memory must have 2 words or more and no more initial words than words, not 1 words and 0 initial ones',
    ({ flag }, m) => m.memory('store', { words: 1, width: 8, ...read(flag) }),
  ],
  [
    'more initial words than words',
    'store: a memory must have 2 words or more and no more initial words than words, not 2 words and 3 initial ones',
    ({ flag }, m) => m.memory('store', { words: 2, width: 8, init: [1, 2, 3], ...read(flag) }),
  ],
  [
    'an initial word that does not fit',
    'a constant of 8 bits must be an integer that fits, not 300',
    ({ flag }, m) => m.memory('store', { words: 2, width: 8, init: [300], ...read(flag) }),
  ],
  [
    'a read address of another width',
    'store: the read address must have 4 bits, not 8 bits (a)',
    ({ a }, m) => m.memory('store', { words: 9, width: 8, ...read(a) }),
  ],
  [
    'a write address of another width',
    'store: the write address must have 4 bits, not 8 bits (a)',
    ({ a, b, flag }, m) => {
      const write = { address: a, data: a, enable: flag };
      return m.memory('store', { words: 16, width: 8, ...read(b), write });
    },
  ],
  [
    'write data of another width',
    'store: the write data must have 8 bits, not 4 bits (b)',
    ({ b, flag }, m) => {
      const write = { address: b, data: b, enable: flag };
      return m.memory('store', { words: 16, width: 8, ...read(b), write });
    },
  ],
  [
    'a write enable of several bits',
    'store: the write enable must have 1 bit, not 4 bits (b)',
    ({ a, b }, m) => {
      const write = { address: b, data: a, enable: b };
      return m.memory('store', { words: 16, width: 8, ...read(b), write });
    },
  ],
  [
    'a read enable of several bits',
    'store: the read enable must have 1 bit, not 4 bits (b)',
    ({ b }, m) => m.memory('store', { words: 16, width: 8, read: { address: b, enable: b } }),
  ],
];

for (const [what, message, body, hint] of REFUSED) {
  test(`a module refuses ${what}`, () => {
    assert.throws(() => define(body), {
      message,
      where: 'module test',
      hint,
      constructor: CeladonError,
    });
  });
}

test('a module refuses outputs of other names', () => {
  const body = (): { z: number } => ({ z: 1 });
  assert.throws(
    () => defineModule({ name: 'test', inputs: {}, outputs: { y: 8 }, body: body as never }),
    { message: 'outputs must be y, not z', where: 'module test' },
  );
});

test('a module refuses a reserved word as its name', () => {
  assert.throws(
    () => defineModule({ name: 'Table', inputs: {}, outputs: { y: 1 }, body: () => ({ y: 1 }) }),
    { message: 'the name of a module must not be reserved, as table is', where: 'module Table' },
  );
});

test('an error in a module inside another says where it is', () => {
  assert.throws(
    () => define(() => defineModule({ name: 'inner', inputs: {}, outputs: { y: 0 } }).outputs.y),
    { message: 'a width must be an integer from 1 to 65536, not 0', where: 'module inner' },
  );
});

test('a loop through a register, in or outside an instance, is none', () => {
  define((_, m) => {
    const wire = m.wire('turn', 8);
    wire.set(m.instance('inner', passThrough, { x: wire }).z.add(1));
    return wire;
  });
});

test('clock and reset are ports only where they are needed', () => {
  const clocking = ({ clock, reset }: Module): boolean[] => [clock, reset];
  assert.deepEqual(clocking(define(({ a }) => a.add(1))), [false, false]);
  assert.deepEqual(clocking(define(({ a }, m) => m.delay('late', a))), [true, false]);
  assert.deepEqual(clocking(define(({ a }, m) => m.delay('late', a, { reset: 0 }))), [true, true]);
  const inside = define(({ a }, m) => m.instance('inner', passThrough, { x: a }).y);
  assert.deepEqual(clocking(inside), [true, false]);
});

/** The names of all signals but the inputs, in their order. */
function namesOf(module: Module): string[] {
  return module.order.flatMap((signal) => {
    const name = module.names.get(signal);
    return name === undefined || signal.source.kind === 'input' ? [] : [name];
  });
}

test('a signal is named for its purpose, and two of one name are numbered', () => {
  const module = define(({ a, b, flag }, m) => {
    const count = m.register('count', 8);
    count.set(count.add(1), flag.and(b.bit(0)));
    const first = a.xor(count).named('mixed');
    return first.or(a.and(3).named('mixed'));
  });
  assert.deepEqual(namesOf(module).toSorted(), [
    'count',
    'count_enable',
    'count_next',
    'mixed',
    'mixed_2',
    'y',
  ]);
});

test('a name of a name is a wire, and a suggested name avoids declared and reserved ones', () => {
  const module = define(({ a }, m) => {
    const end = m.delay('mixed', a.add(1).named('mixed'));
    return end.xor(a.not().named('end')).named('again').named('y2');
  });
  assert.deepEqual(namesOf(module).toSorted(), ['again', 'end_2', 'mixed', 'mixed_2', 'y2']);
});

test('constants fold, and comparisons that a limit decides', () => {
  const value = ({ source }: Signal): bigint | undefined =>
    source.kind === 'constant' ? source.value : undefined;
  const input = new Signal(8, { kind: 'input' }, 'x');
  assert.equal(value(constant(8, 200).add(100)), 44n);
  assert.equal(value(input.ltU(0)), 0n);
  assert.equal(value(input.geU(0)), 1n);
  assert.equal(value(constant(8, 255).ltU(input)), 0n);
  assert.equal(value(input.ltU(1)), undefined);
  assert.deepEqual(input.slice(6, 1).slice(3, 2).source, {
    kind: 'operation',
    operator: 'slice',
    operands: [input],
    low: 3,
  });
});

test('a value describes itself and reads as signed', () => {
  assert.equal(new Bits(8, -1).describe(), '8 bits (0xff)');
  assert.equal(new Bits(8, -1).signed, -1n);
});
