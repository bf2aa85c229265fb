import assert from 'node:assert/strict';
import { test } from 'node:test';
import { E2M1_VALUES, F8E4M3_VALUES } from '../base/index.ts';
import { fakeQuantize } from './fakeQuantize.ts';
import type { FakeQuantizeAttrs } from './ops.table.ts';

function rounded(values: readonly number[], attrs: Omit<FakeQuantizeAttrs, 'group'>): number[] {
  const out = new Float32Array(values.length);
  fakeQuantize(Float32Array.from(values), { ...attrs, group: values.length }, out);
  return [...out];
}

test('values of the format are kept under a scale of 1, and those halfway go to the even neighbour', () => {
  const e2m1 = { format: 'e2m1', scale: 'powerOfTwo' } as const;
  assert.deepEqual(rounded([...E2M1_VALUES], e2m1), [...E2M1_VALUES]);
  const halfway = [6, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, -5, -0.75];
  assert.deepEqual(rounded(halfway, e2m1), [6, 0, 1, 1, 2, 2, 4, 4, -4, -1]);
  const finite = F8E4M3_VALUES.filter(Number.isFinite);
  const e4m3 = { format: 'e4m3', scale: 'powerOfTwo' } as const;
  assert.deepEqual(rounded([...finite], e4m3), [...finite]);
  assert.deepEqual(rounded([448, 17, 19, -17], e4m3), [448, 16, 20, -16]);
});

test('a scale is the smallest power of two that fits, or the nearest e4m3', () => {
  const power = { format: 'e2m1', scale: 'powerOfTwo' } as const;
  assert.deepEqual(rounded([6.5, 1], power), [6, 1]); // scale 2: 3.25 → 3, 0.5
  assert.deepEqual(rounded([1.5, 0.3], power), [1.5, 0.25]); // scale 1/4: 6, 1.2 → 1
  assert.deepEqual(rounded([0, 0], power), [0, 0]);
  const e4m3 = { format: 'e2m1', scale: 'e4m3' } as const;
  assert.deepEqual(rounded([6.6, 1.1], e4m3), [6.75, 1.125]); // 1.1 → 1.125: 5.87 → 6, 0.98 → 1
  assert.deepEqual(rounded([1e-6, 0], e4m3), [0, 0]); // the least scale is 2^-9
  assert.deepEqual(rounded([6 * 500, 0], e4m3), [6 * 448, 0]); // and the largest 448
});
