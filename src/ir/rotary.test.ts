import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rotaryTable } from './rotary.ts';

test('the table holds the rounded cosine and sine of position times frequency', () => {
  const { cos, sin } = rotaryTable([1, 0.01], 1.5, [0, 3]);
  const expected = [1.5, 1.5, 1.5 * Math.cos(3), 1.5 * Math.cos(0.03)];
  assert.deepEqual([...cos], expected.map(Math.fround));
  assert.deepEqual([...sin], [0, 0, 1.5 * Math.sin(3), 1.5 * Math.sin(0.03)].map(Math.fround));
});
