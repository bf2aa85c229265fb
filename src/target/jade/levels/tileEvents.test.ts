import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../../base/index.ts';
import { loadChip } from '../../../chip/index.ts';
import { assemble } from '../assemble.ts';
import { balanced, runTileEvents, tileProgram } from './tileEvents.ts';

const NANO = loadChip('jade-nano');

test('balanced experts share the choices of all rows, in equal distances', () => {
  const rows = (experts: number, tokens: number, topK: number): number[] =>
    Array.from({ length: experts }, (_, expert) =>
      balanced(expert, { layer: 0, rows: tokens, experts, topK }),
    );
  assert.deepEqual(rows(8, 1, 2), [0, 0, 0, 1, 0, 0, 0, 1]);
  assert.deepEqual(rows(4, 6, 3), [4, 5, 4, 5]);
  assert.equal(
    rows(256, 128, 6).reduce((sum, count) => sum + count, 0),
    128 * 6,
  );
});

/** A dispatch of two experts, and a load for each that is skipped when the expert has no rows. */
const EXPERTS = `
  dispatch a=0 aStride=64 rows=4 columns=2 d=0x28000 list=0x28100 listStride=16; signal load
  load memory=0 local=0x4000 rowBytes=64 rows=1 planes=1 unless=0x28000; wait vector
  load memory=0 local=0x8000 rowBytes=64 rows=1 planes=1 unless=0x28004
`;

test('a load is skipped when its expert has no rows', () => {
  const channel = (...counts: number[]): number =>
    runTileEvents(tileProgram(NANO, assemble(EXPERTS), (expert) => counts[expert]!))
      .memoryBusyCycles;
  assert.equal(channel(0, 0), 0);
  assert.equal(channel(3, 0), 8);
  assert.equal(channel(1, 3), 16);
});

test('rows that no dispatch tells are an error that says where', () => {
  const load = 'load memory=0 local=0x4000 rowBytes=64 rows=1 planes=1 unless=0x28000';
  assert.throws(
    () => tileProgram(NANO, assemble(load)),
    (error) =>
      error instanceof UsageError &&
      error.message === 'tile events know rows only from the dispatch before an instruction' &&
      error.where === 'instruction 0 (load) reads its rows at 163840',
  );
});
