/** Every conformance case on every target. What is skipped is in docs/support.md, which a test checks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPS } from '../src/ir/index.ts';
import { CASES } from './conformance/cases.ts';
import { check, OTHER_EMITTERS, refusalOf, SUBJECTS } from './conformance/conformance.ts';
import { NO_MACHINE_CODE } from './emitters.ts';

test('every operator has a case, and every case a name of its own', () => {
  const tested = new Set(CASES.map(({ op }) => op));
  assert.deepEqual(
    Object.keys(OPS).filter((op) => !tested.has(op as keyof typeof OPS)),
    [],
  );
  assert.equal(new Set(CASES.map(({ op, name }) => `${op}: ${name}`)).size, CASES.length);
});

test('the cpu of the suite has machine code', { skip: NO_MACHINE_CODE }, () => {});

for (const subject of [...SUBJECTS, ...OTHER_EMITTERS]) {
  for (const given of CASES) {
    test(`${subject.name}: ${given.op}: ${given.name}`, (t) => {
      const refusal = refusalOf(given, subject.target);
      if (refusal === undefined) check(given, subject);
      else t.skip(refusal);
    });
  }
}
