/** Proofs about FIFOs and the issue logic, and that they see a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findsBug, missingProver, refute } from '../../../../../test/rtl/formal.ts';
import { type Mutation } from '../../../../../test/rtl/mutation.ts';
import { fifoProof } from '../../../../../test/rtl/proofs/fifoProof.ts';
import { issueProof } from '../../../../../test/rtl/proofs/issueProof.ts';

const skip = missingProver();

for (const depth of [2, 4, 8, 16]) {
  test(`a fifo of ${depth} counts its entries and gives each in its turn`, { skip }, (t) => {
    assert.equal(refute(t, fifoProof(depth, 6), 2), undefined);
  });
}

test('what starts, which ports are held, what semaphores hold: as the rules say', { skip }, (t) => {
  assert.equal(refute(t, issueProof(), 1), undefined);
});

type Bug = readonly [what: string, bug: Omit<Mutation, 'module'>];

const FIFO_BUGS: readonly Bug[] = [
  ['a place that is not freed', { signal: 'next_first', becomes: 'first' }],
  ['room for one too many', { signal: 'full', becomes: "count == 3'h5" }],
  ['an entry read before it is written', { signal: 'valid_next', becomes: '|count_next' }],
];

for (const [what, bug] of FIFO_BUGS) {
  test(`the proof of a fifo finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, fifoProof(4, 6), 8, { module: 'fifo', ...bug }));
  });
}

const ISSUE_BUGS: readonly Bug[] = [
  ['a token that is dropped', { signal: 'tokens_load_to_matrix_enable', becomes: "1'b0" }],
  ['a token counted twice', { signal: 'tokens_load_to_store_next', becomes: "$ + 16'h1" }],
  ['a port that nobody holds', { signal: 'matrix_write_banks_1_enable', becomes: "1'b0" }],
  ['a port that is free too early', { signal: 'load_read_banks_0_next', becomes: "$ & 2'h1" }],
];

for (const [what, bug] of ISSUE_BUGS) {
  test(`the proof of the issue logic finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, issueProof(), 6, { module: 'issue', ...bug }));
  });
}
