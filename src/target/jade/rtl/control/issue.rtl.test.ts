/** Proofs about the issue logic, and that they see a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refute } from '../../../../../test/rtl/formal.ts';
import { issueProof } from '../../../../../test/rtl/proofs/issueProof.ts';
import { missing } from '../../../../../test/rtl/tools.ts';

const skip = missing('yosys', 'yosys-smtbmc', 'z3');

test('what starts, which ports are held and what semaphores hold is as the rules say, for ever', { skip }, (t) => {
  assert.equal(refute(t, issueProof(), { cycles: 3, induction: 1 }), undefined);
});
