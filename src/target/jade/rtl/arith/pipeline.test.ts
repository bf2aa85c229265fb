import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { constant, CycleSimulator, defineModule, type Module } from '../../../../hdl/index.ts';
import { addF32 } from './float.ts';
import { pipelined } from './pipeline.ts';
import { delayedBundle } from '../delay.ts';
import { f32, nearPairs, wordOf } from './vectors.ts';

/** An adder of so many cycles, and a tag beside it. */
function adder(cycles: number): Module<{ a: 32; b: 32 }, { sum: 32; tag: 32 }> {
  return defineModule({
    name: `adder_${cycles}`,
    inputs: { a: 32, b: 32 },
    outputs: { sum: 32, tag: 32 },
    body({ a, b }, m) {
      const { sum } = pipelined(m, 'stage', cycles, (cut) => ({ sum: addF32(a, b, cut) }));
      return { sum, tag: delayedBundle(m, 'tag', a, cycles) };
    },
  });
}

test('a pipeline of any latency gives each result exactly so many cycles later, one a cycle', () => {
  const pairs = nearPairs(new Random(1), 40);
  for (let cycles = 0; cycles <= 9; cycles++) {
    const simulator = new CycleSimulator(adder(cycles));
    const outputs = pairs.map(([a, b]) => simulator.step({ a, b }));
    for (const [i, [a, b]] of pairs.slice(0, pairs.length - cycles).entries()) {
      const expected = { sum: BigInt(wordOf(f32(a) + f32(b))), tag: BigInt(a) };
      assert.deepEqual({ ...outputs[i + cycles] }, expected, `${cycles} cycles`);
    }
  }
});

test('registers balance the stages, and what is left over comes at the end', () => {
  const registers = (cycles: number): string[] =>
    adder(cycles)
      .registers.map(({ name }) => name!)
      .filter((name) => name.startsWith('stage'));
  assert.deepEqual(registers(1), ['stage1Sum']);
  const three = registers(3);
  assert.ok(three.includes('stage1Small') && three.includes('stage2Significand'), three.join());
  assert.equal(three.at(-1), 'stage3Sum');
  assert.deepEqual(registers(8).slice(-3), ['stage6Sum', 'stageLateSumD1', 'stageLateSumD2']);
});

test('lists and records are registered in their shape, and constants not at all', () => {
  const module = defineModule({
    name: 'bundle',
    inputs: { a: 4, b: 4 },
    outputs: { c: 4, d: 4, e: 4 },
    body({ a, b }, m) {
      const { list, known } = delayedBundle(m, 'late', { list: [a, b], known: constant(4, 9) }, 1);
      return { c: list[0], d: list[1], e: known };
    },
  });
  assert.deepEqual(
    module.registers.map(({ name }) => name),
    ['lateList_0', 'lateList_1'],
  );
  const simulator = new CycleSimulator(module);
  simulator.step({ a: 3, b: 5 });
  assert.deepEqual({ ...simulator.step({ a: 0, b: 0 }) }, { c: 3n, d: 5n, e: 9n });
});
