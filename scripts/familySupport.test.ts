import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familySection } from './familySupport.ts';
import { requireTest } from './proofs.ts';

test('every family has a row for every stored format, and every yes a test', () => {
  const rows = familySection().filter((line) => /^\| (?:qwen|deepseek)/.test(line));
  const cells = rows.map((row) => row.split(' | '));
  const [families, formats] = [0, 1].map((i) => new Set(cells.map((row) => row[i])));
  assert.equal(rows.length, families!.size * formats!.size);
  const positive = cells.flatMap((row) => row.slice(2)).filter((cell) => !cell.startsWith('no'));
  for (const cell of positive) {
    assert.match(cell, /^(?:yes|in part R.*): T\d+/);
  }
});

test('a test that is not in its file is no proof', () => {
  const file = 'scripts/familySupport.test.ts';
  requireTest({ file, title: 'a test that is not in its file is no proof' });
  assert.throws(
    () => requireTest({ file, title: 'a test' }),
    /scripts\/familySupport\.test\.ts must have a test called "a test"/,
  );
});
