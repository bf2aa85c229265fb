/** What each instruction does to the chip, against a computation written out here from its summary. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeF8E4M3, f32ToBf16, Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { exp2, LOG2E, reciprocal, rsqrt, sigmoid } from '../arith/index.ts';
import { assemble } from '../assemble.ts';
import { createSimulator, type RunStats, type Simulator } from './simulator.ts';

const { fround } = Math;
const LANES = 32;
const ACCUMULATOR = nano.scratchpad.sizeBytes;
const CONTROL = ACCUMULATOR + nano.accumulator.sizeBytes;

function machine(change: Partial<Chip['matrix']> = {}): Simulator {
  const chip = nano as Chip;
  return createSimulator({ ...chip, matrix: { ...chip.matrix, ...change } }, 65_536);
}

function run(simulator: Simulator, text: string): RunStats {
  return simulator.run(assemble(text), { maxPosition: 64 });
}

function floatsOf({ local }: Simulator): Float32Array {
  return new Float32Array(local.buffer);
}

function wordsOf({ local }: Simulator): Int32Array {
  return new Int32Array(local.buffer);
}

function numbers(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => (random.float() - 0.5) * 6);
}

/** Writes i32 from a byte of the control memory on. */
function control(simulator: Simulator, at: number, words: readonly number[]): void {
  wordsOf(simulator).set(words, (CONTROL + at) / 4);
}

/** Writes f32 at a byte address. */
function put(simulator: Simulator, address: number, values: Iterable<number>): void {
  floatsOf(simulator).set([...values], address / 4);
}

function get(simulator: Simulator, address: number, count: number): Float32Array {
  return floatsOf(simulator).slice(address / 4, address / 4 + count);
}

/** Sum on the lanes of the chip. */
function laneTree(values: readonly number[]): number {
  const p = new Float32Array(LANES);
  values.forEach((x, i) => (p[i % LANES]! += x));
  for (let h = LANES / 2; h >= 1; h /= 2) for (let l = 0; l < h; l++) p[l]! += p[l + h]!;
  return p[0]!;
}

test('load copies planes of rows, at the position of the sequence', () => {
  const simulator = machine();
  simulator.memory.forEach((_, i) => (simulator.memory[i] = i * 7));
  simulator.positions[2] = 3;
  run(
    simulator,
    `load memory=100 local=0x40 rowBytes=5 rows=2 memoryStride=20 localStride=8
    `.trim() +
      ' planes=3 memoryPlaneStride=1000 localPlaneStride=64 positionStride=40 sequence=2 unless=none',
  );
  const expected = new Uint8Array(simulator.local.length);
  for (let plane = 0; plane < 3; plane++) {
    for (let row = 0; row < 2; row++) {
      for (let byte = 0; byte < 5; byte++) {
        expected[0x40 + plane * 64 + row * 8 + byte] =
          (100 + 3 * 40 + plane * 1000 + row * 20 + byte) * 7;
      }
    }
  }
  assert.deepEqual(simulator.local, expected);
});

test('store is the way back', () => {
  const simulator = machine();
  simulator.local.forEach((_, i) => (simulator.local[i] = i * 3 + 1));
  simulator.positions[0] = 2;
  const before = simulator.memory.slice();
  run(
    simulator,
    'store memory=0x200 local=12 rowBytes=6 rows=3 memoryStride=7 localStride=16 planes=2 memoryPlaneStride=100 localPlaneStride=512 positionStride=32',
  );
  for (let plane = 0; plane < 2; plane++) {
    for (let row = 0; row < 3; row++) {
      for (let byte = 0; byte < 6; byte++) {
        before[0x200 + 64 + plane * 100 + row * 7 + byte] =
          (12 + plane * 512 + row * 16 + byte) * 3 + 1;
      }
    }
  }
  assert.deepEqual(simulator.memory, before);
});

test('a load is skipped when its word is zero', () => {
  const simulator = machine();
  simulator.memory.fill(5);
  const text = 'load local=0x40 rowBytes=4 rows=1 planes=1 unless=0x28008';
  assert.equal(run(simulator, text).bytesLoaded, 0);
  assert.equal(simulator.local[0x40], 0);
  control(simulator, 8, [-1]);
  assert.equal(run(simulator, text).bytesLoaded, 4);
  assert.equal(simulator.local[0x40], 5);
});

test('gather takes rows by index; an index outside reads row 0 and sets the fault flag', () => {
  const simulator = machine();
  simulator.memory.forEach((_, i) => (simulator.memory[i] = i >> 4));
  control(simulator, 0, [3, 0, 9, 9]);
  const gather = (rows: number): string =>
    `gather memory=0x100 local=0x80 rowBytes=4 rows=${rows} memoryStride=16 localStride=8 list=0x28000 limit=10`;
  assert.equal(run(simulator, gather(4)).fault, false);
  assert.deepEqual(
    [0, 8, 16, 24].map((at) => simulator.local[0x80 + at]),
    [19, 16, 25, 25],
  );
  control(simulator, 0, [10, -1, 1]);
  assert.equal(run(simulator, gather(3)).fault, true);
  assert.deepEqual(
    [0, 8, 16].map((at) => simulator.local[0x80 + at]),
    [16, 16, 17],
  );
});

/** Row (t, j) of operand a at 0x1000 + t · 0x400 + j · 0x100, of b at 0x3000 …, of d at 0x5000 … */
const PLACES = 'aStride=0x400 aInner=0x100 dStride=0x400 dInner=0x100 a=0x1000 d=0x5000';
const SHAPE = 'rows=5 inner=2 columns=40';
const rowAt = (base: number, r: number): number => base + (r >> 1) * 0x400 + (r & 1) * 0x100;

function operands(
  random: Random,
  simulator: Simulator,
): readonly (readonly [Float32Array, Float32Array])[] {
  return Array.from({ length: 5 }, (_, r) => {
    const [a, b] = [numbers(random, 40), numbers(random, 40)];
    put(simulator, rowAt(0x1000, r), a);
    put(simulator, rowAt(0x3000, r), b);
    return [a, b] as const;
  });
}

const BINARY: readonly (readonly [string, (a: number, b: number) => number])[] = [
  ['add', (a, b) => a + b],
  ['mul', (a, b) => a * b],
  ['swiglu', (a, b) => fround(a * sigmoid(a)) * b],
];

for (const [op, compute] of BINARY) {
  test(`${op} works on rows (t, j) of two operands`, () => {
    const simulator = machine();
    const rows = operands(new Random(4), simulator);
    run(simulator, `${op} ${PLACES} b=0x3000 bStride=0x400 bInner=0x100 ${SHAPE} rowCount=none`);
    rows.forEach(([a, b], r) => {
      const expected = a.map((x, i) => fround(compute(x, b[i]!)));
      assert.deepEqual(get(simulator, rowAt(0x5000, r), 40), expected);
    });
  });
}

test('silu works on as many rows as the count says', () => {
  const simulator = machine();
  const rows = operands(new Random(5), simulator);
  control(simulator, 0, [3]);
  run(simulator, `silu ${PLACES} ${SHAPE} rowCount=0x28000`);
  rows.forEach(([a], r) => {
    const expected = r < 3 ? a.map((x) => fround(x * sigmoid(x))) : new Float32Array(40);
    assert.deepEqual(get(simulator, rowAt(0x5000, r), 40), expected);
  });
});

test('a count beyond the rows or below zero is taken as the nearest that is possible', () => {
  for (const [count, done] of [
    [9, 5],
    [-2, 0],
  ] as const) {
    const simulator = machine();
    operands(new Random(5), simulator);
    control(simulator, 0, [count]);
    run(simulator, `silu ${PLACES} ${SHAPE} rowCount=0x28000`);
    const written = [0, 1, 2, 3, 4].filter((r) => get(simulator, rowAt(0x5000, r), 1)[0] !== 0);
    assert.equal(written.length, done);
  }
});

test('copy widens bf16', () => {
  const simulator = machine();
  const values = numbers(new Random(6), 40);
  const halves = f32ToBf16(values);
  simulator.local.set(new Uint8Array(halves.buffer), 0x1002);
  run(
    simulator,
    'copy a=0x1002 aStride=80 rows=1 inner=1 columns=40 d=0x2000 rowCount=none aFormat=1',
  );
  const expected = Float32Array.from(halves, (half) => {
    const word = Uint32Array.of(half << 16);
    return new Float32Array(word.buffer)[0]!;
  });
  assert.deepEqual(get(simulator, 0x2000, 40), expected);
});

test('copy makes every NaN the canonical one', () => {
  const simulator = machine();
  new Uint32Array(simulator.local.buffer).set([0xffc12345, 0x7f800000], 0x400);
  run(simulator, 'copy a=0x1000 rows=1 inner=1 columns=2 d=0x2000 rowCount=none');
  assert.deepEqual(
    [...new Uint32Array(simulator.local.buffer).slice(0x800, 0x802)],
    [0x7fc00000, 0x7f800000],
  );
});

for (const format of ['mxint8', 'mxfp8'] as const) {
  test(`copy quantises to ${format}, one scale byte for each block of a group`, () => {
    const simulator = machine({ activationFormat: format });
    const values = numbers(new Random(7), 128);
    values[100] = NaN;
    put(simulator, 0x1000, values);
    const code = format === 'mxint8' ? 2 : 3;
    run(
      simulator,
      `copy a=0x1000 rows=1 inner=1 columns=128 d=0x2001 dFormat=${code} group=64 rowCount=none`,
    );
    const largest = Math.max(...values.slice(0, 64).map(Math.abs));
    const e = Math.floor(Math.log2(largest)) - (format === 'mxint8' ? 0 : 8);
    const { local } = simulator;
    const blocks = [0, 1, 2, 3].map((b) => local.slice(0x2001 + b * 33, 0x2001 + (b + 1) * 33));
    assert.deepEqual(
      blocks.map(([scale]) => scale),
      [e + 127, e + 127, 255, 255],
    );
    for (let i = 0; i < 64; i++) {
      const scaled = values[i]! * 2 ** -e;
      // No ties here: the numbers have many random bits.
      const expected =
        format === 'mxint8'
          ? Math.max(-127, Math.min(127, Math.round(scaled * 64))) & 255
          : encodeF8E4M3(scaled);
      assert.equal(blocks[i >> 5]![1 + (i & 31)], expected);
    }
    for (const block of blocks.slice(2)) assert.deepEqual(block.slice(1), new Uint8Array(32));
  });
}

test('rms normalises each row and multiplies by one row of weights', () => {
  const simulator = machine();
  const rows = operands(new Random(8), simulator);
  const inverse = fround(1 / 40);
  run(simulator, `rms ${PLACES} b=0x3000 ${SHAPE} epsilon=0.0009765625 inverse=${inverse}`);
  const weights = rows[0]![1];
  rows.forEach(([a], r) => {
    const squares = laneTree([...a].map((x) => fround(x * x)));
    const scale = rsqrt(fround(fround(squares * inverse) + 2 ** -10));
    const expected = a.map((x, i) => fround(fround(x * scale) * weights[i]!));
    assert.deepEqual(get(simulator, rowAt(0x5000, r), 40), expected);
  });
});

for (const interleaved of [0, 1]) {
  test(`rope turns the pairs of layout ${interleaved} by the angles of row t`, () => {
    const simulator = machine();
    const rows = operands(new Random(9), simulator);
    const tables = [0, 1, 2].map((t) => {
      const table = numbers(new Random(20 + t), 40);
      put(simulator, 0x8000 + t * 0x100, table);
      return table;
    });
    run(simulator, `rope ${PLACES} b=0x8000 bStride=0x100 ${SHAPE} interleaved=${interleaved}`);
    rows.forEach(([a], r) => {
      const table = tables[r >> 1]!;
      const expected = new Float32Array(40);
      for (let i = 0; i < 20; i++) {
        const [p, q] = interleaved ? [2 * i, 2 * i + 1] : [i, i + 20];
        expected[p] = fround(a[p]! * table[i]!) - fround(a[q]! * table[20 + i]!);
        expected[q] = fround(a[q]! * table[i]!) + fround(a[p]! * table[20 + i]!);
      }
      assert.deepEqual(get(simulator, rowAt(0x5000, r), 40), expected);
    });
  });
}

for (const scaled of [false, true]) {
  test(`softmax sees up to position + first + t${scaled ? ', times the scales of the columns' : ''}`, () => {
    const simulator = machine();
    const rows = operands(new Random(10), simulator);
    simulator.positions[1] = 20;
    for (let i = 0; i < 40; i++) simulator.local[0x9001 + i] = 125 + (i % 5);
    const b = scaled ? 'b=0x9001' : 'b=none';
    run(simulator, `softmax ${PLACES} ${b} ${SHAPE} scale=0.25 sequence=1 first=18`);
    rows.forEach(([a], r) => {
      const visible = Math.min(40, 20 + 18 + (r >> 1) + 1);
      const seen = [...a].slice(0, visible);
      const largest = Math.max(...seen);
      const e = seen.map((x) => exp2(fround(fround(x - largest) * fround(0.25 * LOG2E))));
      const inverse = reciprocal(laneTree(e));
      const expected = new Float32Array(40);
      e.forEach(
        (x, i) => (expected[i] = fround(x * inverse) * (scaled ? 2 ** (125 + (i % 5) - 127) : 1)),
      );
      assert.deepEqual(get(simulator, rowAt(0x5000, r), 40), expected);
    });
  });
}

test('argmax gives value and index of each row (t, j), and keeps the larger when it accumulates', () => {
  const simulator = machine();
  for (let r = 0; r < 4; r++) {
    const row = new Float32Array(8).fill(-1);
    row[r + 2] = row[r + 3] = r;
    put(simulator, rowAt(0x1000, r), row);
  }
  const text =
    'argmax a=0x1000 aStride=0x400 aInner=0x100 rows=4 inner=2 columns=8 d=0x5000 dStride=0x20';
  run(simulator, `${text} base=100`);
  const results = (): number[][] =>
    [0, 1, 2, 3].map((r) => {
      const at = 0x5000 + (r >> 1) * 0x20 + (r & 1) * 8;
      return [get(simulator, at, 1)[0]!, wordsOf(simulator)[at / 4 + 1]!];
    });
  assert.deepEqual(results(), [
    [0, 102],
    [1, 103],
    [2, 104],
    [3, 105],
  ]);
  put(simulator, rowAt(0x1000, 0) + 4, [5]);
  put(simulator, rowAt(0x1000, 1), [1]);
  put(simulator, rowAt(0x1000, 2), [NaN]);
  run(simulator, `${text} base=200 accumulate=1`);
  assert.deepEqual(results(), [
    [5, 201],
    [1, 103],
    [2, 104],
    [3, 105],
  ]);
});

test('argmax of a row of NaN is its first column, with the canonical NaN', () => {
  const simulator = machine();
  const words = new Uint32Array(simulator.local.buffer);
  words.fill(0xffc00001, 0x400, 0x404);
  run(simulator, 'argmax a=0x1000 rows=1 inner=1 columns=4 d=0x5000 base=7');
  assert.deepEqual([...words.slice(0x1400, 0x1402)], [0x7fc00000, 7]);
});

test('route gives the gates of each token', () => {
  const simulator = machine();
  put(simulator, 0x1000, [1, 2, 3, 0]);
  put(simulator, 0x1040, [0, 0, 0, -1]);
  put(simulator, 0x2000, [0, 5, 0, 0]);
  run(
    simulator,
    'route a=0x1000 aStride=0x40 b=0x2000 rows=2 columns=4 d=0x3000 dStride=0x20 topK=2 groups=2 topGroups=1 scoring=1 normalize=1 scale=2',
  );
  const gates = (x: number, y: number): number[] => {
    const sum = fround(fround(sigmoid(x) + sigmoid(y)) + fround(1e-20));
    return [x, y].map((z) => fround(fround(sigmoid(z) * reciprocal(sum)) * 2));
  };
  assert.deepEqual(get(simulator, 0x3000, 4), Float32Array.of(...gates(1, 2), 0, 0));
  assert.deepEqual(get(simulator, 0x3020, 4), Float32Array.of(...gates(0, 0), 0, 0));
});

test('route without bias, by softmax', () => {
  const simulator = machine();
  put(simulator, 0x1000, [0, 0, 0, 0]);
  run(
    simulator,
    'route a=0x1000 aStride=0x40 b=none rows=1 columns=4 d=0x3000 dStride=0x20 topK=1 groups=1 topGroups=1 scale=1',
  );
  assert.deepEqual(get(simulator, 0x3000, 4), Float32Array.of(0.25, 0, 0, 0));
});

test('dispatch counts and lists the tokens of each expert', () => {
  const simulator = machine();
  put(simulator, 0x1000, [0, 0.5, NaN]);
  put(simulator, 0x1010, [-0, 0, 1]);
  put(simulator, 0x1020, [0, 2, 0]);
  run(
    simulator,
    'dispatch a=0x1000 aStride=0x10 rows=3 columns=3 d=0x28000 list=0x28100 listStride=0x20',
  );
  const words = wordsOf(simulator).slice(CONTROL / 4);
  assert.deepEqual([...words.slice(0, 3)], [0, 2, 2]);
  assert.deepEqual([...words.slice(0x48, 0x4a)], [0, 2]);
  assert.deepEqual([...words.slice(0x50, 0x52)], [0, 1]);
});

test('combine adds the rows of an expert to their tokens: the product rounds, then the sum', () => {
  const simulator = machine();
  const random = new Random(11);
  const [rows, sums] = [[numbers(random, 5), numbers(random, 5)], numbers(random, 5)];
  put(simulator, 0x1000, rows[0]!);
  put(simulator, 0x1040, rows[1]!);
  put(simulator, 0x2080, sums);
  put(simulator, 0x3000, [0.1, 0.3, 0.7]);
  control(simulator, 0, [2]);
  control(simulator, 0x10, [0, 2, 1]);
  run(
    simulator,
    'combine a=0x1000 aStride=0x40 rows=3 columns=5 d=0x2000 dStride=0x40 gate=0x3000 gateStride=4 list=0x28010 rowCount=0x28000',
  );
  assert.deepEqual(
    get(simulator, 0x2000, 5),
    rows[0]!.map((x) => fround(fround(0.1) * x)),
  );
  assert.deepEqual(get(simulator, 0x2040, 5), new Float32Array(5));
  assert.deepEqual(
    get(simulator, 0x2080, 5),
    rows[1]!.map((x, i) => sums[i]! + fround(fround(0.7) * x)),
  );
});

test('a list entry outside of the rows counts as row 0 and sets the fault flag', () => {
  const simulator = machine();
  put(simulator, 0x1000, [4]);
  put(simulator, 0x3000, [0.5]);
  control(simulator, 0, [2]);
  control(simulator, 0x10, [-7, 3]);
  const text =
    'combine a=0x1000 aStride=0 rows=3 columns=1 d=0x2000 dStride=0x40 gate=0x3000 gateStride=4 list=0x28010 rowCount=0x28000';
  assert.equal(run(simulator, text).fault, true);
  assert.deepEqual(get(simulator, 0x2000, 1), Float32Array.of(4));
});

test('zero clears rows and nothing between them', () => {
  const simulator = machine();
  simulator.local.fill(1);
  run(simulator, 'zero d=0x1000 dStride=0x40 rows=2 columns=8');
  const expected = new Uint8Array(simulator.local.length).fill(1);
  expected.fill(0, 0x1000, 0x1020).fill(0, 0x1040, 0x1060);
  assert.deepEqual(simulator.local, expected);
});
