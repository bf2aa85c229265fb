import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outdatedPages, PAGES } from './docs.ts';

test('generated pages are up to date', () => {
  assert.deepEqual(outdatedPages(), [], 'run npm run docs');
});

test('the page of the instruction set names every instruction and its words', () => {
  const page = PAGES['docs/isa.md']!();
  assert.match(page, /## matmul\n\n0x10, matrix queue/);
  assert.match(page, /\| 1–2 \| memory \| memory \| address of the first row in memory \|/);
});
