import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSizes, measureSizes } from './size.ts';

const sources = new Map([
  ['src/base/units.ts', '// The units.\n\na;\nb;\n'],
  ['src/base/units.test.ts', 'a;\nb;\nc;\n'],
  ['src/target/cpu/emit.ts', 'a;\n'],
]);

test('lines with code are counted by folder and room, without comments and tests', () => {
  assert.deepEqual(measureSizes(sources, { base: 2, ir: 9, 'target/cpu': 1 }), [
    { folder: 'base', files: 1, lines: 2, budget: 2 },
    { folder: 'ir', files: 0, lines: 0, budget: 9 },
    { folder: 'target/cpu', files: 1, lines: 1, budget: 1 },
  ]);
});

test('a folder within its budget is no problem', () => {
  assert.deepEqual(checkSizes(measureSizes(sources, { base: 2, 'target/cpu': 1 })), []);
});

test('a folder above its budget and a folder without one are problems', () => {
  assert.deepEqual(checkSizes(measureSizes(sources, { base: 1 })), [
    'src/base: must have at most 1 lines with code (size.json), not 2',
    'size.json: must name a budget for target/cpu, which has 1 lines',
  ]);
});
