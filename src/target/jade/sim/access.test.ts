import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../assemble.ts';
import { accesses, operandsOf, overlap } from './access.ts';

function accessesOf(text: string, maxPosition = 0): ReturnType<typeof accesses> {
  return accesses(assemble(text)[0]!, maxPosition);
}

test('a tile of rows (t, j) is bounded by its first and last row', () => {
  // Rows 0 … 4 with inner 2: t up to 2, j up to 1, so the bound is that of row (2, 1).
  const { localReads, localWrites } = accessesOf(
    'silu a=0x100 aStride=64 aInner=16 rows=5 inner=2 columns=4 d=0x400 dStride=32 dInner=16 rowCount=none',
  );
  assert.deepEqual(localReads, [{ start: 0x100, end: 0x100 + 2 * 64 + 16 + 16 }]);
  assert.deepEqual(localWrites, [{ start: 0x400, end: 0x400 + 2 * 32 + 16 + 16 }]);
});

test('fewer rows than inner stay within one t', () => {
  const { localReads } = accessesOf(
    'silu a=0 aStride=640 aInner=16 rows=2 inner=8 columns=4 d=0x400 rowCount=none',
  );
  assert.deepEqual(localReads, [{ start: 0, end: 32 }]);
});

test('quantised rows are blocks of a scale and its elements', () => {
  const { localWrites } = accessesOf(
    'copy a=0 rows=3 inner=1 columns=64 d=0x1000 dStride=70 dFormat=2 group=32 rowCount=none',
  );
  assert.deepEqual(localWrites, [{ start: 0x1000, end: 0x1000 + 2 * 70 + 66 }]);
});

test('transposed weights have a row of blocks for each k', () => {
  const text =
    'matmul a=0 rows=1 inner=1 k=32 w=0x1000 wStride=100 wBlockStride=33 wFormat=2 columns=64 transposed=1 c=0x20000 rowCount=none rowList=none';
  const { data } = operandsOf(assemble(text)[0]!, 0);
  assert.deepEqual(data![1], { start: 0x1000, end: 0x1000 + 31 * 100 + 2 * 33 });
});

test('scales of softmax are a byte a column', () => {
  const { localReads } = accessesOf('softmax a=0 b=0x1000 rows=1 inner=1 columns=40 d=0x2000');
  assert.deepEqual(localReads[1], { start: 0x1000, end: 0x1000 + 40 });
});

test('counts and lists are read by control, not through ports', () => {
  const text =
    'matmul a=0 aStride=80 rows=4 inner=1 k=64 w=0x1000 wStride=17 wBlockStride=136 wFormat=4 columns=8 c=0x20000 cStride=32 rowCount=0x28000 rowList=0x28010';
  const { data, control } = operandsOf(assemble(text)[0]!, 0);
  assert.deepEqual(control, [
    { start: 0x28000, end: 0x28004 },
    { start: 0x28010, end: 0x28020 },
  ]);
  assert.deepEqual(data, [
    { start: 0, end: 3 * 80 + 66 },
    { start: 0x1000, end: 0x1000 + 136 + 7 * 17 + 17 },
    { start: 0x20000, end: 0x20000 + 3 * 32 + 32 },
  ]);
  assert.deepEqual(accessesOf(text).localReads, [...data!, ...control!]);
});

test('a product that accumulates reads its results', () => {
  const text = (accumulate: number): string =>
    `matmul a=0 rows=1 inner=1 k=32 w=0x1000 wFormat=2 columns=4 c=0x20000 accumulate=${accumulate} rowCount=none rowList=none`;
  const result = { start: 0x20000, end: 0x20010 };
  assert.ok(!overlap(accessesOf(text(0)).localReads, [result]));
  assert.ok(overlap(accessesOf(text(1)).localReads, [result]));
  assert.deepEqual(accessesOf(text(0)).localWrites, [result]);
});

test('a transfer at a position covers all positions up to the largest', () => {
  const text =
    'store memory=0x1000 local=0 rowBytes=33 rows=2 memoryStride=33 localStride=64 planes=3 memoryPlaneStride=3300 localPlaneStride=512 positionStride=33 sequence=1';
  const { memoryWrites, memoryReads, localReads } = accessesOf(text, 98);
  assert.deepEqual(memoryWrites, [{ start: 0x1000, end: 0x1000 + 98 * 33 + 2 * 3300 + 33 + 33 }]);
  assert.deepEqual(memoryReads, []);
  assert.deepEqual(localReads, [{ start: 0, end: 2 * 512 + 64 + 33 }]);
});

test('a gather may read the whole table', () => {
  const { memoryReads } = accessesOf(
    'gather memory=64 rowBytes=8 rows=2 memoryStride=16 localStride=8 list=0 limit=100',
  );
  assert.deepEqual(memoryReads, [{ start: 64, end: 64 + 99 * 16 + 8 }]);
});

test('operands that are absent or empty have no range', () => {
  const none = accessesOf('load local=0 rowBytes=8 rows=0 planes=1 unless=none');
  assert.deepEqual(none, { localReads: [], localWrites: [], memoryReads: [], memoryWrites: [] });
});

test('ranges that touch at an end do not overlap', () => {
  assert.equal(overlap([{ start: 0, end: 8 }], [{ start: 8, end: 9 }]), false);
  assert.equal(overlap([{ start: 0, end: 9 }], [{ start: 8, end: 9 }]), true);
});
