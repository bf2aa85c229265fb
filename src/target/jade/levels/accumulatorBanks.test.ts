// Products and vector work on banks and a ring, by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, type Chip } from '../../../chip/index.ts';
import { LOAD_COMMAND_CYCLES } from '../sim/transferTiming.ts';
import { AccumulatorBanks } from './accumulatorBanks.ts';

const EDGE = loadChip('jade-edge');
const BANK_BYTES = 1024;
const PIPELINE = 3;
const CHIP: Chip = {
  ...EDGE,
  accumulator: { sizeBytes: 2 * BANK_BYTES, banks: 2 },
  matrix: { ...EDGE.matrix, pipelineCycles: PIPELINE },
};
const NO_RING = Number.POSITIVE_INFINITY;

function banksOf(ringBytes = NO_RING): AccumulatorBanks {
  const banks = new AccumulatorBanks();
  banks.reset(CHIP, ringBytes);
  return banks;
}

test('work beside products of other banks costs the array nothing, but a third product waits for the first bank', () => {
  for (const [work, third] of [
    [5, 20],
    [15, 10 + PIPELINE + 15],
  ] as const) {
    const banks = banksOf();
    for (let i = 0; i < 3; i++) {
      banks.product(10, BANK_BYTES);
      banks.work(work);
    }
    banks.run();
    assert.equal(banks.array, third + 10);
  }
});

test('sums of two chunks fit in a bank, but the array does not write where the vector unit reads', () => {
  const banks = banksOf();
  for (let i = 0; i < 2; i++) {
    banks.product(10, BANK_BYTES / 2);
    banks.product(10, BANK_BYTES / 2);
    banks.work(100, 2);
  }
  banks.run();
  // The third product starts with the second's end, and holds the bank that the work needs too; so does the fourth.
  assert.equal(banks.array, 40);
  assert.equal(banks.vector, 40 + PIPELINE + 2 * 100);
});

test('sums that count as more banks than there are are costed one after another', () => {
  const banks = banksOf();
  banks.product(10, 2 * BANK_BYTES);
  banks.product(10, 2 * BANK_BYTES);
  banks.work(5, 2);
  banks.run();
  assert.ok(banks.array >= 20 && banks.array < Infinity, `${banks.array}`);
  assert.ok(banks.vector < Infinity, `${banks.vector}`);
});

test('work that a product waits for delays it, and what stands behind it', () => {
  const banks = banksOf();
  banks.product(10, BANK_BYTES);
  const softmax = banks.work(50);
  banks.product(10, BANK_BYTES, softmax);
  banks.more(10);
  banks.run();
  assert.equal(banks.array, 10 + PIPELINE + 50 + 20);
});

test('a load takes the place of weights when their product has passed the pipeline', () => {
  const start = LOAD_COMMAND_CYCLES + CHIP.memory.latencyCycles;
  for (const [ring, second] of [
    [100, 10 + 4 + PIPELINE + start + 10],
    [200, 20],
  ] as const) {
    const banks = banksOf(ring);
    for (let i = 0; i < 2; i++) {
      banks.product(4, BANK_BYTES);
      banks.load(10, 1, 100);
      banks.work(1);
    }
    banks.run();
    assert.equal(banks.array, second + 4);
  }
});
