import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatCount, formatCycles } from './units.ts';

test('sizes are shown in binary units with three digits', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(1023), '1023 B');
  assert.equal(formatBytes(1024), '1.00 KiB');
  assert.equal(formatBytes(10.5 * 2 ** 20), '10.5 MiB');
  assert.equal(formatBytes(671e9), '625 GiB');
  assert.equal(formatBytes(2 ** 60), '1024 PiB');
});

test('counts are shown in SI units and never as a thousand of a unit', () => {
  assert.equal(formatCount(999), '999');
  assert.equal(formatCount(8_900_000), '8.90 M');
  assert.equal(formatCount(999_600), '1.00 M');
  assert.equal(formatCount(9_996), '10.0 k');
  assert.equal(formatCount(671e9), '671 G');
  assert.equal(formatCount(-1500), '-1.50 k');
  assert.equal(formatCount(0.25), '0.25');
});

test('cycles carry their unit', () => {
  assert.equal(formatCycles(640), '640 cycles');
  assert.equal(formatCycles(12_345_678), '12.3 M cycles');
});
