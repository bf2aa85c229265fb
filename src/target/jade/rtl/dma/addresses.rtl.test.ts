/** A proof that the addresses of transfers are their closed form, and that it sees a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findsBug, missingProver, refute } from '../../../../../test/rtl/formal.ts';
import { rowWalkProof } from '../../../../../test/rtl/proofs/rowWalkProof.ts';

const skip = missingProver();

test('each row of a transfer is at its address, in order, and the last is known', { skip }, (t) => {
  assert.equal(refute(t, rowWalkProof(), 1), undefined);
});

const BUGS = [
  ['walk_row_next', "$ + 6'h1", 'a row that is one byte off'],
  ['walk_rows_left_next', "$ + 32'h1", 'a row too many'],
  ['walk_last', "walk_rows_left == 32'h1", 'an end after the first plane'],
] as const;

for (const [signal, becomes, what] of BUGS) {
  test(`the proof finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, rowWalkProof(), 8, { module: 'row_walk', signal, becomes }));
  });
}
