/** The simulator beside the definition, on random programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thorough } from '../../../../test/portion.ts';
import { countOf, TINY_FP8, TINY_INT8 } from '../../../../test/verify/chips.ts';
import { Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { randomProgram } from '../sim/randomProgram.ts';
import { differenceOf } from './definition.ts';

const LENGTH = 16;

for (const chip of [TINY_INT8, TINY_FP8]) {
  const count = countOf(thorough() ? 2500 : 800, 50_000);
  test(`${chip.name}: ${count} random programs leave the bytes of the definition, seeds 1 to ${count}`, () => {
    for (let seed = 1; seed <= count; seed++) check(chip, seed);
  });
}

function check(chip: Chip, seed: number): void {
  const program = randomProgram(new Random(seed), chip, {
    length: LENGTH,
    prologue: 'all memories',
  });
  assert.equal(differenceOf(chip, program), undefined, `seed ${seed}`);
}
