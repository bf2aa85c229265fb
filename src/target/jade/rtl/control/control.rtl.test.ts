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
  ['a place that is not freed', { text: 'next_first = first +', by: 'next_first = first ^' }],
  ['room for one too many', { text: "full = count == 3'h4", by: "full = count == 3'h5" }],
  [
    'an entry that is read before it is written',
    { text: 'valid_next = |count_after_pop', by: 'valid_next = |count_next' },
  ],
];

for (const [what, bug] of FIFO_BUGS) {
  test(`the proof of a fifo finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, fifoProof(4, 6), 8, { module: 'fifo', ...bug }));
  });
}

const ISSUE_BUGS: readonly Bug[] = [
  [
    'a token that is dropped',
    { text: 'if (tokens_load_to_matrix_enable)', by: 'if (tokens_load_to_matrix_enable & reset)' },
  ],
  [
    'a token that is taken and not counted',
    {
      text: '] tokens_load_to_store_next = tokens_load_to_store +',
      by: '] tokens_load_to_store_next = tokens_load_to_store |',
    },
  ],
  [
    'a port that nobody holds',
    { text: 'if (matrix_write_banks_1_enable)', by: 'if (matrix_write_banks_1_enable & reset)' },
  ],
  [
    'a port that is free too early',
    { text: " = load_read_banks_0 == 2'h1;", by: " = load_read_banks_0 != 2'h0;" },
  ],
];

for (const [what, bug] of ISSUE_BUGS) {
  test(`the proof of the issue logic finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, issueProof(), 6, { module: 'issue', ...bug }));
  });
}
