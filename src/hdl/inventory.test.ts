import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counter } from './examples/counter.ts';
import { creditQueue } from './examples/creditQueue.ts';
import { dotProduct } from './examples/dotProduct.ts';
import { registerFile } from './examples/registerFile.ts';
import { addCounts, inventory, type Counts } from './inventory.ts';
import { defineModule } from './module.ts';
import type { Module } from './signal.ts';

const NOTHING: Counts = addCounts([]);

/** Operators as `mulS 8x8: 4`. */
function operatorsOf({ operators }: Counts): string[] {
  return operators.map(
    ({ operator, widths, count }) => `${operator} ${widths.join('x')}: ${count}`,
  );
}

const EXAMPLES: readonly (readonly [Module, string[], number])[] = [
  // One more costs half of a sum; each bit waits without the enable and is cleared by the reset.
  [counter(8) as Module, ['add 4: 1', 'and 8: 1', 'mux 2x8: 1'], 8],
  // Four places of 8 bits, head and tail of 2, used of 3, the credit; the assertions are free.
  [
    creditQueue(4, 8) as Module,
    [
      'add 1: 2',
      'add 3: 1',
      'and 1: 5',
      'and 2: 2',
      'and 3: 1',
      'mux 2x2: 2',
      'mux 2x3: 1',
      'mux 2x8: 4',
      'mux 4x8: 1',
      'reduceAnd 2: 4',
      'reduceOr 3: 1',
      'xor 1: 1',
    ],
    32 + 4 + 3 + 1,
  ],
  // A block sum of 18 bits, restart, add, and the total, each with its enable.
  [
    dotProduct(4) as Module,
    [
      'add 17: 2',
      'add 18: 1',
      'add 32: 1',
      'and 1: 1',
      'and 32: 1',
      'mulS 8x8: 4',
      'mux 2x1: 1',
      'mux 2x18: 1',
      'mux 2x32: 2',
    ],
    18 + 1 + 1 + 32,
  ],
  [registerFile(8, 16) as Module, ['and 1: 2', 'eq 3: 1', 'mux 2x1: 1', 'mux 2x16: 2'], 17],
];

for (const [module, operators, registerBits] of EXAMPLES) {
  test(`${module.name} is made of what its source says`, () => {
    const { own, total, instances } = inventory(module);
    assert.deepEqual(operatorsOf(total), operators);
    assert.equal(total.registerBits, registerBits);
    assert.deepEqual(own, total);
    assert.deepEqual(instances, []);
  });
}

test('a memory counts its bits, and its ports by the addresses they share', () => {
  assert.deepEqual(inventory(registerFile(8, 16) as Module).total.memories, [
    { words: 8, width: 16, ports: 2, byteEnables: false, count: 1 },
  ]);
  const single = defineModule({
    name: 'single',
    inputs: { address: 3, data: 16, write: 1 },
    outputs: { one: 16, two: 16 },
    body({ address, data, write }, m) {
      const port = { address, data, enable: write };
      return {
        one: m.memory('first', { words: 8, width: 16, read: { address }, write: port }),
        two: m.memory('second', { words: 8, width: 16, read: { address }, init: [1] }),
      };
    },
  });
  const { memories, memoryBits } = inventory(single as Module).total;
  assert.deepEqual(memories, [{ words: 8, width: 16, ports: 1, byteEnables: false, count: 2 }]);
  assert.equal(memoryBits, 256);
});

test('a total includes instances, an external module as itself and not its model', () => {
  const macro = defineModule({
    name: 'MACRO',
    external: {},
    inputs: { A: 8 },
    outputs: { Q: 8 },
    body: ({ A }) => ({ Q: A.add(1) }),
  });
  const top = defineModule({
    name: 'top',
    inputs: { enable: 1 },
    outputs: { x: 8, y: 8 },
    body({ enable }, m) {
      const first = m.instance('first', counter(8), { enable }).count;
      const second = m.instance('second', counter(8), { enable }).count;
      const { Q } = m.instance('macro', macro, { A: first });
      return { x: Q.add(second), y: first.shl(2).concat(second).high(8) };
    },
  });
  const { own, total, instances } = inventory(top as Module);
  assert.deepEqual(operatorsOf(own), ['add 8: 1']);
  assert.deepEqual(operatorsOf(total), ['add 4: 2', 'add 8: 1', 'and 8: 2', 'mux 2x8: 2']);
  assert.equal(total.registerBits, 16);
  assert.deepEqual(total.externals, [{ name: 'MACRO', count: 1 }]);
  assert.deepEqual(
    instances.map(({ name, inventory }) => `${name}: ${inventory.module}`),
    ['first: counter_8', 'second: counter_8', 'macro: MACRO'],
  );
});

test('what only an assertion or nothing uses is not hardware', () => {
  const module = defineModule({
    name: 'checked',
    inputs: { a: 8 },
    outputs: { y: 8 },
    body({ a }, m) {
      m.assert('below9', a.ltU(9));
      a.mulU(a);
      return { y: a };
    },
  });
  assert.deepEqual(inventory(module as Module).total, NOTHING);
});
