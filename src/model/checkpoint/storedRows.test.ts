import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredRows } from '../../ir/index.ts';
import { concatenateRows, permuteStoredBlocks, permuteStoredRows } from './storedRows.ts';

/** Rows of two bytes, which hold the number of the row twice, and what was read of them. */
function tableOfRows(numbers: readonly number[]) {
  const reads: [number, number][] = [];
  const rows: StoredRows = {
    format: 'F16',
    rowBytes: 2,
    readBytes(start, count) {
      reads.push([start, count]);
      return Uint8Array.from(twice(numbers.slice(start, start + count)));
    },
  };
  return { rows, reads };
}

function twice(numbers: readonly number[]): number[] {
  return numbers.flatMap((n) => [n, n]);
}

test('rows that follow each other are read together', () => {
  const { rows, reads } = tableOfRows([0, 1, 2, 3, 4, 5]);
  const permuted = permuteStoredRows(rows, (row) => [2, 3, 4, 0, 5][row]!)!;
  assert.deepEqual([...permuted.readBytes(0, 5)], twice([2, 3, 4, 0, 5]));
  assert.deepEqual(reads, [
    [2, 3],
    [0, 1],
    [5, 1],
  ]);
  assert.deepEqual([...permuted.readBytes(1, 2)], twice([3, 4]));
});

test('weights stored alike follow one another', () => {
  const [a, b] = [tableOfRows([0, 1]), tableOfRows([7, 8])];
  const all = concatenateRows([a.rows, b.rows], 2)!;
  assert.deepEqual([...all.readBytes(1, 3)], twice([1, 7, 8]));
  assert.equal(all.format, 'F16');
  assert.deepEqual(b.reads, [[0, 2]]);
});

test('weights stored in different ways have no rows together', () => {
  const { rows } = tableOfRows([0]);
  assert.equal(concatenateRows([rows, { ...rows, format: 'BF16' }], 1), undefined);
  assert.equal(concatenateRows([rows, undefined], 1), undefined);
  assert.equal(concatenateRows([], 1), undefined);
  assert.equal(
    permuteStoredRows(undefined, (row) => row),
    undefined,
  );
});

test('blocks of a row come in the order asked for', () => {
  const rows: StoredRows = {
    format: 'F16',
    rowBytes: 6,
    readBytes: (start, count) => Uint8Array.from({ length: 6 * count }, (_, i) => 6 * start + i),
  };
  const permuted = permuteStoredBlocks(rows, 2, (block) => [2, 0, 1][block]!)!;
  assert.deepEqual([...permuted.readBytes(1, 2)], [10, 11, 6, 7, 8, 9, 16, 17, 12, 13, 14, 15]);
  assert.equal(permuteStoredBlocks(undefined, 2, Number), undefined);
});

test('rows that share scales with those beside them stay together, by 32', () => {
  const { rows } = tableOfRows([0]);
  const scaled = { ...rows, format: 'E4M3' } as const;
  assert.notEqual(concatenateRows([scaled, scaled], 64), undefined);
  assert.equal(concatenateRows([scaled, scaled], 48), undefined);
  assert.equal(
    permuteStoredRows(scaled, (row) => row),
    undefined,
  );
});
