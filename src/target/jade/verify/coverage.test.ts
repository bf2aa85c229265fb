/** The classes that the random programs of the standard seeds reach, on two chips. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../../chip/index.ts';
import { MAX_POSITION } from '../sim/randomInstruction.ts';
import { createSimulator } from '../sim/simulator.ts';
import { Coverage } from './coverage.ts';
import { programOfSeed } from './programs.ts';

function coverageOf(name: string, programs: number): Coverage {
  const chip = loadChip(name);
  const coverage = new Coverage(chip);
  for (let seed = 1; seed <= programs; seed++) {
    const { program, memory, positions } = programOfSeed(chip, seed, 30);
    const simulator = createSimulator(chip, memory.length);
    simulator.memory.set(memory);
    simulator.positions.set(positions);
    coverage.ran(simulator.run(program, { maxPosition: MAX_POSITION, observe: coverage.observe }));
  }
  return coverage;
}

test('the thousand programs of the nightly group reach every class on jade-nano', () => {
  assert.deepEqual(coverageOf('jade-nano', 1000).missed, []);
});

test('the hundred programs of every change miss hardly a class', () => {
  for (const name of ['jade-nano', 'jade-edge']) {
    const coverage = coverageOf(name, 100);
    const { missed } = coverage;
    // A hundred programs draw each of 25 vector opcodes about 70 times: their rarest classes may be missed.
    assert.ok(missed.length <= coverage.rows.length / 40, `${name}: ${missed.join('; ')}`);
  }
});

test('a class counts what is in it, and nothing else', () => {
  const rows = new Map(coverageOf('jade-nano', 50).rows);
  const of = (name: string): number => rows.get(name)!;
  assert.equal(of('matmul: accumulates') + of('matmul: starts anew'), of('matmul: all'));
  assert.equal(of('softmax: with scales') + of('softmax: without scales'), of('softmax: all'));
  assert.ok(of('load: skipped') > 0 && of('load: skipped') < of('load: all'));
});

test('a class that no program reaches is missed', () => {
  const coverage = coverageOf('jade-nano', 0);
  assert.equal(coverage.missed.length, coverage.rows.length);
});
