import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chipNames, loadAllSilicon, loadChip } from '../../chip/index.ts';
import { areaOf } from '../../cost/index.ts';
import { loadSiliconBill, loadSiliconPieces } from '../../target/jade/index.ts';
import { ChipPrices } from './chipSilicon.ts';

/** Sums in another order. */
const TOLERANCE = 1e-12;

test('a chip priced by its pieces is the chip priced whole, on every node', async () => {
  const { SiliconPieces } = await loadSiliconPieces();
  const { siliconBill } = await loadSiliconBill();
  const pieces = new SiliconPieces();
  for (const name of chipNames()) {
    const chip = { ...loadChip(name), cores: 3 };
    const bill = siliconBill(chip);
    for (const silicon of loadAllSilicon()) {
      const whole = areaOf(bill, silicon);
      const fast = new ChipPrices(pieces, silicon).of(chip);
      near(fast.areaMm2, whole.placedMm2);
      near(fast.memoryMm2, whole.memoryMm2);
      near(fast.leakageWatts, sum(whole.parts.map(({ leakageMw }) => leakageMw)) / 1000);
      near(fast.fmaxHz, whole.fmaxHz);
      for (const { part, busyPj } of whole.parts) near(fast.busyPj[part]!, busyPj);
    }
  }
});

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= TOLERANCE * expected, `${actual} is not ${expected}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
