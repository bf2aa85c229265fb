/** Proofs about FIFOs, semaphores and bank ports, and that they see a bug. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findsBug, missingProver, refute } from '../../../../../test/rtl/formal.ts';
import { bankPortsProof } from '../../../../../test/rtl/proofs/bankPortsProof.ts';
import { fifoProof } from '../../../../../test/rtl/proofs/fifoProof.ts';
import { semaphoresProof } from '../../../../../test/rtl/proofs/semaphoresProof.ts';

const skip = missingProver();

for (const depth of [2, 4, 8, 16]) {
  test(`a fifo of ${depth} counts its entries and gives each in its turn`, { skip }, (t) => {
    assert.equal(refute(t, fifoProof(depth, 6), 2), undefined);
  });
}

test(
  'a semaphore holds what was given less what was taken, never less than nothing',
  { skip },
  (t) => {
    assert.equal(refute(t, semaphoresProof(), 1), undefined);
  },
);

test('no two queues hold a port of a bank, and what may start does', { skip }, (t) => {
  assert.equal(refute(t, bankPortsProof(), 1), undefined);
});

const BUGS = [
  [fifoProof(4, 6), 'fifo_4x6', 'next_head', 'head', 'a place that is not freed'],
  [fifoProof(4, 6), 'fifo_4x6', 'room', "used < 3'h5", 'room for one too many'],
  [fifoProof(4, 6), 'fifo_4x6', 'valid', '|used', 'a head that is not written yet'],
  [semaphoresProof(), 'semaphores', 'load_to_matrix_enable', "1'b0", 'a token that is dropped'],
  [semaphoresProof(), 'semaphores', 'load_to_store_next', "$ + 16'h1", 'a token counted twice'],
  [semaphoresProof(), 'semaphores', 'vector_ready', "1'b1", 'a head that does not wait'],
  [bankPortsProof(), 'bank_ports', 'vector_read_holders0_next', "3'h0", 'a port nobody holds'],
  [bankPortsProof(), 'bank_ports', 'load_write_holders1_next', "3'h0", 'a port free too early'],
  [bankPortsProof(), 'bank_ports', 'store_starts', 'store_can', 'a start with a port held'],
] as const;

for (const [proof, module, signal, becomes, what] of BUGS) {
  test(`the proof finds ${what}`, { skip }, (t) => {
    assert.ok(findsBug(t, proof, 8, { module, signal, becomes }));
  });
}
