/** Every seeded bug of the table is found by random programs on the core; without one, nothing is. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { MUTANT_SEEDS, mutantBench, smallChip, type MutantBench } from './mutantBench.ts';
import { MUTANTS } from './mutants.table.ts';
import { missing } from './tools.ts';

describe('seeded bugs', { skip: missing('verilator') }, () => {
  let bench: MutantBench;
  before(() => (bench = mutantBench(smallChip(), MUTANT_SEEDS)));

  test('a core without a bug is equal to the simulator', () => {
    assert.equal(bench.play(undefined), undefined);
  });

  for (const [i, { unit, module, signal, breaks }] of MUTANTS.entries()) {
    test(`found: ${unit}, ${breaks} (${module}.${signal})`, () => {
      assert.notEqual(bench.play(i), undefined);
    });
  }
});
