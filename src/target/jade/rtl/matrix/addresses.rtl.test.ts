/** Proofs that the address generators of the matrix unit issue their closed form, and that they see a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findsBug, missingProver, refute } from '../../../../../test/rtl/formal.ts';
import { rowSequencerProof } from '../../../../../test/rtl/proofs/rowSequencerProof.ts';

const skip = missingProver();

test('each row of each pass asks for its block, its sums and its list entry', { skip }, (t) => {
  assert.equal(refute(t, rowSequencerProof(), 7), undefined);
});
