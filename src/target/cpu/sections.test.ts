import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sectionsOf } from './sections.ts';
import { StepList } from './steps.ts';

const TOKENS = 4;
const D = 32;
const SIZES = { rows: TOKENS, D };

function stepList() {
  const list = new StepList({ B: 1, T: TOKENS, S: 64 }, new Map());
  const values = Array.from({ length: 5 }, (_, i) => list.allocate(`${i}`, TOKENS * D));
  return { list, values: values as [Value, Value, Value, Value, Value] };
}
type Value = ReturnType<StepList['allocate']>;

function add(list: StepList, a: Value, b: Value, out: Value): void {
  list.add('add', '', { a, b, out, size: TOKENS * D });
}

test('rounds that work row by row are one section, and buffers live as long as it', () => {
  const { list, values } = stepList();
  const [a, b, c, d, e] = values;
  list.add('silu', '', { x: a, out: b, size: TOKENS * D });
  add(list, a, b, c);
  list.add('linear', '', {
    ...{ x: c, xStride: D, w: list.weight('w'), wStride: D, out: d, outStride: D },
    ...{ M: TOKENS, N: D, K: D },
  });
  add(list, c, d, e);
  const steps = list.finish();
  assert.deepEqual(
    steps.map(({ round, section }) => [round, section]),
    [
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 2],
    ],
  );
  assert.deepEqual([b.buffer.first, b.buffer.last], [0, 1]);
  assert.deepEqual([a.buffer.first, a.buffer.last], [0, 1]);
});

test('a step that reads all of what a section writes starts another', () => {
  const { list, values } = stepList();
  const [a, b, c] = values;
  list.add('silu', '', { x: a, out: b, size: TOKENS * D });
  list.add('addRow', '', { a, b, out: c, ...SIZES });
  const steps = list.finish();
  assert.deepEqual(
    steps.map(({ section }) => section),
    [0, 1],
  );
});

/** Sections of a product, what follows it and another product, for a token each of so many sequences. */
function sectionsOfBatch(B: number, threads: number, N: number): number[] {
  const weights = new Map([['w', 'Q8_0']] as const);
  const list = new StepList({ B, T: 1, S: 64 }, weights, threads);
  const values = Array.from({ length: 3 }, (_, i) => list.allocate(`${i}`, B * N));
  const [a, b, c] = values as [Value, Value, Value];
  const product = { w: list.weight('w'), xStride: D, outStride: N, M: B, N, K: D, format: 1 };
  list.add('linearPanels', '', { ...product, x: a, out: b });
  list.add('silu', '', { x: b, out: b, size: B * N });
  list.add('linearPanels', '', { ...product, x: b, out: c });
  return list.finish().map(({ section }) => section);
}

/** Sections of attention and the rounding of its result, for a token each of so many sequences. */
function sectionsOfAttention(B: number, threads: number): number[] {
  const list = new StepList({ B, T: 1, S: 64 }, new Map(), threads);
  const [q, out, rows] = Array.from({ length: 3 }, (_, i) => list.allocate(`${i}`, B * D));
  list.add('silu', '', { x: q!, out: q!, size: B * D });
  const state = { keys: 'k', values: 'v', capacity: 64, positions: list.allocate('p', B) };
  const steps = { keyStep: D, valueStep: D, qStep: D, outStep: D };
  const sizes = { B, T: 1, G: 1, shared: 1, keyWidth: D, valueWidth: D };
  list.add('attention', '', { q: q!, out: out!, ...state, ...steps, ...sizes } as never);
  list.add('silu', '', { x: out!, out: rows!, size: B * D });
  return list.finish().map(({ section }) => section);
}

test('attention is a section of its own, cut by heads too, unless all threads have rows enough', () => {
  assert.deepEqual(sectionsOfAttention(1, 2), [0, 1, 2]);
  assert.deepEqual(sectionsOfAttention(2, 4), [0, 1, 2]);
  assert.deepEqual(sectionsOfAttention(8, 2), [0, 0, 0]);
});

test('threads with rows enough each go on alone through products whose weights a cache holds', () => {
  assert.deepEqual(sectionsOfBatch(8, 2, D), [0, 0, 0]);
  assert.deepEqual(sectionsOfBatch(16, 2, D), [0, 0, 0]);
  assert.deepEqual(sectionsOfBatch(7, 2, D), [0, 1, 2], 'too few rows for two');
  assert.deepEqual(sectionsOfBatch(17, 2, D), [0, 1, 2], 'so many that nobody waits for long');
  assert.deepEqual(sectionsOfBatch(8, 1, D), [0, 1, 2], 'nobody to wait for');
  const half = 1 << 14;
  assert.deepEqual(sectionsOfBatch(8, 2, half), [0, 0, 1], 'weights of one product, not of two');
  assert.deepEqual(sectionsOfBatch(8, 2, 4 * half), [0, 1, 2], 'too many');
});

test('rows that are not those of the tokens are no section', () => {
  const { list, values } = stepList();
  const [a, b, c] = values;
  const last = { x: a, xStride: D, out: b, outStride: D, rows: 1, size: D };
  list.add('copyRows', '', last);
  list.add('silu', '', { x: b, out: c, size: D });
  const { of, lastRound } = sectionsOf(list.finish(), { rows: TOKENS, readers: 1 });
  assert.deepEqual([of(0), of(1)], [0, 1]);
  assert.equal(lastRound(Infinity), Infinity);
});
