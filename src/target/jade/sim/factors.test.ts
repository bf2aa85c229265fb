/** Numbers times rows, choices among what is seen, and where positions lead, written out from their summaries. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { createSimulator, type Simulator } from './simulator.ts';

const { fround } = Math;

function machine(): Simulator {
  return createSimulator(nano as Chip, 65_536);
}

function run(simulator: Simulator, text: string): void {
  simulator.run(assemble(text), { maxPosition: 64 });
}

function put(simulator: Simulator, address: number, values: Iterable<number>): void {
  new Float32Array(simulator.local.buffer).set([...values], address / 4);
}

function get(simulator: Simulator, address: number, count: number): number[] {
  return [...new Float32Array(simulator.local.buffer, address, count)];
}

function numbers(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => (random.float() - 0.5) * 6);
}

test('scale multiplies row (t, j) by its own number', () => {
  const simulator = machine();
  const [a, b] = [numbers(new Random(1), 4 * 40), [2, -0.3, 5, 0.7].map(fround)];
  put(simulator, 0x1000, a);
  put(simulator, 0x3000, [b[0]!, b[1]!, 0, b[2]!, b[3]!]);
  run(
    simulator,
    'scale a=0x1000 aStride=320 aInner=160 b=0x3000 bStride=12 bInner=4 rows=4 inner=2 columns=40 d=0x2000 dStride=320 dInner=160 rowCount=none',
  );
  const expected = [...a].map((x, i) => fround(x * b[Math.floor(i / 40)]!));
  assert.deepEqual(get(simulator, 0x2000, 160), expected);
});

test('scaleAdd rounds the product, then the sum', () => {
  const simulator = machine();
  const random = new Random(2);
  const [a, d, b] = [numbers(random, 2 * 40), numbers(random, 2 * 40), [0.3, -7.1].map(fround)];
  put(simulator, 0x1000, a);
  put(simulator, 0x2000, d);
  put(simulator, 0x3000, b);
  run(
    simulator,
    'scaleAdd a=0x1000 aStride=160 b=0x3000 bStride=4 rows=2 inner=1 columns=40 d=0x2000 dStride=160',
  );
  const expected = [...d].map((x, i) => fround(x + fround(a[i]! * b[Math.floor(i / 40)]!)));
  assert.deepEqual(get(simulator, 0x2000, 80), expected);
});

test('mix sums the rows of a token in ascending order, over one of them if asked', () => {
  for (const [accumulate, place] of [
    [0, 0x2000],
    [1, 0x2000],
    [0, 0x1000 + 160],
  ] as const) {
    const simulator = machine();
    const random = new Random(3);
    const [a, b, d] = [numbers(random, 6 * 40), numbers(random, 6), numbers(random, 2 * 40)];
    put(simulator, 0x2000, d);
    put(simulator, 0x1000, a);
    put(simulator, 0x3000, b);
    run(
      simulator,
      `mix a=0x1000 aStride=480 aInner=160 b=0x3000 bStride=12 bInner=4 rows=2 terms=3 columns=40 d=${place} dStride=480 accumulate=${accumulate}`,
    );
    for (const [t, i] of [
      [0, 7],
      [1, 39],
    ] as const) {
      let sum = accumulate === 1 && t === 0 ? d[i]! : 0;
      for (let j = 0; j < 3; j++)
        sum = fround(sum + fround(b[3 * t + j]! * a[(3 * t + j) * 40 + i]!));
      assert.equal(get(simulator, place + t * 480 + 4 * i, 1)[0], sum, `${accumulate} ${t} ${i}`);
    }
  }
});

test('topk chooses among always + (positions >> shift) columns, the first of equals', () => {
  const simulator = machine();
  const row = [1, 5, NaN, 5, -2, 9, 9, 0, 7, 8];
  put(simulator, 0x1000, [...row, ...row, ...row]);
  simulator.positions[3] = 9;
  run(
    simulator,
    'topk a=0x1000 aStride=40 rows=3 inner=1 columns=10 d=0x2000 dStride=40 topK=2 always=1 shift=2 sequence=3 first=0',
  );
  // Positions 9, 10, 11 are 10, 11 and 12 tokens: two whole groups of four and one column more, then three.
  const three = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  assert.deepEqual(get(simulator, 0x2000, 30), [
    ...three,
    ...three,
    ...[0, 1, 0, 1, 0, 0, 0, 0, 0, 0],
  ]);
  run(
    simulator,
    'topk a=0x1000 aStride=40 rows=1 inner=1 columns=10 d=0x2000 dStride=40 topK=9 always=10 shift=31 first=0',
  );
  assert.deepEqual(get(simulator, 0x2000, 10), [1, 1, 0, 1, 1, 1, 1, 1, 1, 1]);
  run(
    simulator,
    'topk a=0x1000 aStride=40 rows=1 inner=1 columns=10 d=0x2000 dStride=40 topK=9 always=3 shift=31 first=0',
  );
  assert.deepEqual(get(simulator, 0x2000, 10), [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
});

test('softmax sees always + (positions >> shift) columns, and none is a row of zeros', () => {
  const simulator = machine();
  simulator.positions[1] = 2;
  put(simulator, 0x2000, [4, 4, 4, 4, 4, 4]);
  const rows = 'rows=3 inner=1 columns=2 d=0x2000 dStride=8';
  run(
    simulator,
    `softmax a=0x1000 aStride=0 b=none ${rows} scale=1 sequence=1 always=0 shift=2 first=0`,
  );
  assert.deepEqual(get(simulator, 0x2000, 6), [0, 0, 1, 0, 1, 0]);
  run(
    simulator,
    `softmax a=0x1000 aStride=0 b=none ${rows} scale=1 sequence=1 always=1 shift=2 first=0`,
  );
  assert.deepEqual(get(simulator, 0x2000, 6), [1, 0, 0.5, 0.5, 0.5, 0.5]);
});

test('transfers go to the row of a group of positions', () => {
  const simulator = machine();
  simulator.memory.forEach((_, i) => (simulator.memory[i] = i >> 3));
  simulator.positions[2] = 13;
  const from = (fields: string): number => {
    run(
      simulator,
      `load memory=80 local=0 rowBytes=8 rows=1 planes=1 sequence=2 unless=none positionStride=8 ${fields}`,
    );
    return simulator.local[0]!;
  };
  assert.equal(from('positionShift=0 positionOffset=0'), 10 + 13);
  assert.equal(from('positionShift=2 positionOffset=0'), 10 + 3);
  assert.equal(from('positionShift=2 positionOffset=3'), 10 + 4);
  assert.equal(from('positionShift=31 positionOffset=3'), 10);
});
