import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rotaryTable } from '../../ir/index.ts';
import { RotaryRows } from './rotaryRows.ts';

test('rows are those of their positions, before and after the ones that are kept, and by magnitude', () => {
  const frequencies = [1, 0.3, 0.01];
  const rows = new RotaryRows();
  const count = 2;
  for (const magnitude of [1, 1.25]) {
    for (const offset of [0, -3]) {
      const starts = Int32Array.of(0, 5, 70, 63, 4094, 4095, 100_000);
      const size = starts.length * count * frequencies.length;
      const found = { cos: new Float32Array(size), sin: new Float32Array(size) };
      rows.write({ frequencies, magnitude, offset }, starts, count, found);
      const positions = [...starts].flatMap((start) => [start + offset, start + offset + 1]);
      assert.deepEqual(found, rotaryTable(frequencies, magnitude, positions));
    }
  }
});
