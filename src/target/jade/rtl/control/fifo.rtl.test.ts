/** Proofs about FIFOs of every depth in use, and that they see a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refute } from '../../../../../test/rtl/formal.ts';
import { fifoProof } from '../../../../../test/rtl/proofs/fifoProof.ts';
import { missing } from '../../../../../test/rtl/tools.ts';

const skip = missing('yosys', 'yosys-smtbmc', 'z3');

for (const depth of [2, 4, 8, 16]) {
  test(
    `a fifo of ${depth} counts its entries and gives each in its turn, for ever`,
    { skip },
    (t) => {
      assert.equal(refute(t, fifoProof(depth, 6), { cycles: 6, induction: 2 }), undefined);
    },
  );
}

const BUGS = [
  ['a place that is not freed', 'next_first = first +', 'next_first = first ^', /places_are_apart/],
  ['room for one too many', "full = count == 3'h4", "full = count == 3'h5", /counts_entries/],
  [
    'an entry that is read before it is written',
    'wire valid_next = |count_after_pop',
    'wire valid_next = |count_next',
    /head_after_two_cycles/,
  ],
] as const;

for (const [what, text, by, reason] of BUGS) {
  test(`the proof of a fifo finds ${what}`, { skip }, (t) => {
    const found = refute(t, fifoProof(4, 6), { cycles: 12 }, { module: 'fifo', text, by });
    assert.match(String(found), reason);
  });
}
