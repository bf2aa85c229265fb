/** The Verilated core beside the simulator: every start, every completion, every byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chip } from '../../src/chip/index.ts';
import { verifyPrograms } from '../../src/target/jade/verify/verify.node.ts';
import { countOf, TINY_FP8, TINY_INT8 } from '../verify/chips.ts';
import { missing } from './tools.ts';

const skip = missing('verilator');
const LENGTH = 30;

function check(chip: Chip, programs: number, jitter: boolean): void {
  const report = verifyPrograms(chip, { programs, length: LENGTH, seed: 1, jitter });
  assert.deepEqual(report.differences, []);
  assert.equal(report.programs, programs);
}

for (const chip of [TINY_INT8, TINY_FP8]) {
  const count = countOf(75, 500);
  test(
    `${chip.name}: ${count} random programs, seeds 1 to ${count}, are equal in bits and cycles`,
    { skip },
    () => check(chip, count, false),
  );
  test(
    `${chip.name}: with a memory and a stream that pause at random, ${count} programs have equal results`,
    { skip },
    () => check(chip, count, true),
  );
}
