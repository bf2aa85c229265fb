import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chipNames, loadAllSilicon, loadChip } from '../../chip/index.ts';
import { areaOf, energyOfRun } from '../../cost/index.ts';
import { activityOf, siliconBill } from './siliconBill.ts';

test('the bill of a chip has a dot product and an addition for each column of each core', () => {
  const chip = { ...loadChip('jade-edge'), cores: 3 };
  const bill = siliconBill(chip);
  assert.equal(bill.macsPerCycle, 3 * 64 * 32);
  const matrix = bill.parts.find(({ part }) => part === 'matrix')!;
  assert.deepEqual(
    matrix.units.map(({ count }) => count),
    [3 * 64, 3 * 64],
  );
  assert.match(matrix.units[0]!.unit, /^dot_mxint8_mxint8_\d+$/);
});

test('memories of the bill hold the bits of the scratchpad and of the accumulators', () => {
  for (const name of chipNames()) {
    const chip = loadChip(name);
    const memories = siliconBill(chip).parts.flatMap(({ memories }) => memories);
    const bits = memories.reduce((sum, { words, width, count }) => sum + words * width * count, 0);
    assert.equal(bits, 8 * (chip.scratchpad.sizeBytes + chip.accumulator.sizeBytes), name);
  }
});

test('every built-in chip has a price on every node', () => {
  for (const silicon of loadAllSilicon()) {
    for (const name of chipNames()) {
      const { placedMm2, cellMm2 } = areaOf(siliconBill(loadChip(name)), silicon);
      assert.ok(placedMm2 > cellMm2 && cellMm2 > 0, `${name} ${silicon.node.id}`);
    }
  }
});

test('the energy of a run grows with its busy cycles and the bytes it moves', () => {
  const chip = loadChip('jade-nano');
  const [silicon] = loadAllSilicon().slice(-1);
  const report = areaOf(siliconBill(chip), silicon!);
  const stats = {
    cycles: 1000,
    busyCycles: [500, 400, 300, 200],
    memoryBusyCycles: 500,
    bytesLoaded: 4000,
    bytesStored: 800,
    macs: 400 * 512,
    stallCycles: [],
    fault: false,
  };
  const activity = activityOf(chip, stats);
  assert.deepEqual(activity.busyCycles, { matrix: 400, vector: 300 });
  assert.equal(activity.memoryBytes, 400 * (33 + 8 * 16) + 300 * 12 * 16 + 4800);
  const energy = energyOfRun(report, silicon!, activity);
  const more = energyOfRun(report, silicon!, activityOf(chip, { ...stats, bytesLoaded: 8000 }));
  assert.ok(more.memory > energy.memory && more.logic === energy.logic);
});
