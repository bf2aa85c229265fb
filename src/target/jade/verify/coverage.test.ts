/** The classes that the random programs of the standard seeds reach, on two chips. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../../chip/index.ts';
import { MAX_POSITION } from '../sim/randomInstruction.ts';
import { createSimulator } from '../sim/simulator.ts';
import { Coverage } from './coverage.ts';
import { programOfSeed } from './programs.ts';

/** As `celadon verify` runs them when nothing else is said. */
const STANDARD = { first: 1, programs: 100, length: 30 };

function coverageOf(name: string): Coverage {
  const chip = loadChip(name);
  const coverage = new Coverage(chip);
  for (let seed = STANDARD.first; seed < STANDARD.first + STANDARD.programs; seed++) {
    const { program, memory, positions } = programOfSeed(chip, seed, STANDARD.length);
    const simulator = createSimulator(chip, memory.length);
    simulator.memory.set(memory);
    simulator.positions.set(positions);
    coverage.ran(
      simulator.run(program, { maxPosition: MAX_POSITION, observe: coverage.observe }),
    );
  }
  return coverage;
}

test('programs of the standard seeds reach every class on jade-nano', () => {
  assert.deepEqual(coverageOf('jade-nano').missed, []);
});

test('a class counts what is in it, and nothing else', () => {
  const rows = new Map(coverageOf('jade-nano').rows);
  const of = (name: string): number => rows.get(name)!;
  assert.equal(of('matmul: accumulates') + of('matmul: starts anew'), of('matmul: all'));
  assert.equal(of('softmax: with scales') + of('softmax: without scales'), of('softmax: all'));
});
