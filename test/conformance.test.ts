/**
 * Every conformance case on every target: reference, cpu and its emitters, and one chip by turns; in the
 * group `thorough` on each chip. What is skipped is in docs/support.md, which a test checks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chipNames } from '../src/chip/index.ts';
import { OPS } from '../src/ir/index.ts';
import { CASES } from './conformance/cases.ts';
import { check, OTHER_EMITTERS, refusalOf, SUBJECTS } from './conformance/conformance.ts';
import { NO_MACHINE_CODE } from './emitters.ts';
import { portion } from './portion.ts';

test('every operator has a case, and every case a name of its own', () => {
  const tested = new Set(CASES.map(({ op }) => op));
  assert.deepEqual(
    Object.keys(OPS).filter((op) => !tested.has(op as keyof typeof OPS)),
    [],
  );
  assert.equal(new Set(CASES.map(({ op, name }) => `${op}: ${name}`)).size, CASES.length);
});

test('the cpu of the suite has machine code', { skip: NO_MACHINE_CODE }, () => {});

const CHIPS = chipNames();

for (const subject of [...SUBJECTS, ...OTHER_EMITTERS]) {
  const chip = CHIPS.indexOf(subject.name);
  for (const given of chip < 0 ? CASES : portion(CASES, CHIPS.length, chip)) {
    test(`${subject.name}: ${given.op}: ${given.name}`, (t) => {
      const refusal = refusalOf(given, subject.target);
      if (refusal === undefined) check(given, subject);
      else t.skip(refusal);
    });
  }
}
