/** Proofs that the address generators of the matrix unit issue their closed form, and that they see a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findsBug, missingProver, refute } from '../../../../../test/rtl/formal.ts';
import { rowSequencerProof } from '../../../../../test/rtl/proofs/rowSequencerProof.ts';
import { weightLoaderProof } from '../../../../../test/rtl/proofs/weightLoaderProof.ts';

const skip = missingProver();

test('each row of each pass asks for its block, its sums and its list entry', { skip }, (t) => {
  assert.equal(refute(t, rowSequencerProof(), 7), undefined);
});

test('each step of each pass asks for its weights', { skip }, (t) => {
  assert.equal(refute(t, weightLoaderProof(), 1), undefined);
});

const BUGS = [
  [rowSequencerProof(), 'row_sequencer', 'last_j', 'j == inner_field', 'a row too many of a token'],
  [rowSequencerProof(), 'row_sequencer', 'list', "$ + 6'h4", 'the wrong entry of a list'],
  [rowSequencerProof(), 'row_sequencer', 'tile', "$ + 6'h4", 'the wrong sums of a tile'],
  [weightLoaderProof(), 'weight_loader', 'next_tile', "$ + 6'h1", 'the wrong weights of a tile'],
  [weightLoaderProof(), 'weight_loader', 'half_next', "1'b0", 'a half that is never reached'],
  [
    weightLoaderProof(),
    'weight_loader',
    'last_step',
    "$ | (loaded != 6'h0)",
    'a pass that ends early',
  ],
] as const;

for (const [proof, module, signal, becomes, what] of BUGS) {
  test(`the proof finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, proof, 12, { module, signal, becomes }));
  });
}
