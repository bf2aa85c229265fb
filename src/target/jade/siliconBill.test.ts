import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chipNames, loadAllSilicon, loadChip } from '../../chip/index.ts';
import { areaOf, billOfInventory, energyOfRun } from '../../cost/index.ts';
import { inventory } from '../../hdl/index.ts';
import { completeCore } from './rtl/design.ts';
import { activityOf, siliconBill, siliconUnits } from './siliconBill.ts';

/** Control memories: of the loads, the row counts, the row lists and the vector unit. */
const CONTROL_COPIES = 4;
/** Prices by operators over gates of synthesis (docs/silicon.md). */
const [LEAST_RATIO, MOST_RATIO] = [1, 2.3];

test('the bill of a chip is its RTL: all parts of the core, with each column, lane and block', () => {
  const bill = siliconBill({ ...loadChip('jade-edge'), cores: 3 });
  assert.equal(bill.macsPerCycle, 3 * 64 * 32);
  const parts = ['control', 'local memory', 'positions', 'dma', 'matrix', 'vector'];
  assert.deepEqual(
    bill.parts.map(({ part }) => part),
    parts,
  );
  const units = bill.parts.flatMap(({ units }) => units);
  assert.deepEqual(units, [
    { unit: 'matrix_column_mxint8_mxint8_5_4', count: 3 * 64 },
    { unit: 'vector_lane_4', count: 3 * 64 },
    { unit: 'vector_block_mxint8', count: 3 * 2 },
  ]);
});

test('nothing of the core is left out: registers of the units and around them are all there are', () => {
  for (const name of chipNames()) {
    const chip = loadChip(name);
    const { total } = inventory(completeCore(chip));
    const { parts } = siliconBill(chip);
    const modules = siliconUnits(chip);
    const registers = parts.map(({ units, registerBits }) =>
      units.reduce((sum, { unit, count }) => {
        return sum + count * inventory(modules.get(unit)!).total.registerBits;
      }, registerBits),
    );
    assert.equal(
      registers.reduce((sum, bits) => sum + bits),
      total.registerBits,
      name,
    );
  }
});

test('memories of the bill hold the bits of the scratchpad, the accumulators and the control memories', () => {
  for (const name of chipNames()) {
    const chip = loadChip(name);
    const { memories } = siliconBill(chip).parts.find(({ part }) => part === 'local memory')!;
    const bits = memories.reduce((sum, { words, width, count }) => sum + words * width * count, 0);
    const { scratchpad, accumulator, control } = chip;
    const bytes = scratchpad.sizeBytes + accumulator.sizeBytes + CONTROL_COPIES * control.sizeBytes;
    assert.equal(bits, 8 * bytes, name);
  }
});

test('the table has the units of every built-in chip with its own stages', () => {
  for (const { node } of loadAllSilicon()) {
    for (const name of chipNames()) {
      for (const unit of siliconUnits(loadChip(name)).keys()) assert.ok(node.units[unit], unit);
    }
  }
});

test('operators and registers of a unit price it within the stated factor of its gates', () => {
  for (const silicon of loadAllSilicon()) {
    for (const name of chipNames()) {
      for (const [unit, module] of siliconUnits(loadChip(name))) {
        const part = billOfInventory('matrix', inventory(module), () => undefined);
        const bill = { chip: unit, clockHz: 1e9, macsPerCycle: 1, parts: [part], notCounted: [] };
        const ratio = (areaOf(bill, silicon).cellMm2 * 1e6) / silicon.node.units[unit]!.areaUm2;
        assert.ok(
          ratio > LEAST_RATIO && ratio < MOST_RATIO,
          `${silicon.node.id} ${unit}: ${ratio}`,
        );
      }
    }
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
    macs: 100 * 512,
    stallCycles: [],
    fault: false,
  };
  const activity = activityOf(chip, stats);
  const bytes = 100 * (33 + 8 * 16) + 300 * 4 * 32 + 2 * 4000 + 800;
  assert.equal(activity.memoryBytes, bytes);
  const readers = 33 + 64 + 4 * 16 + 4 * 32 + 8;
  const writers = 4 * 16 + 4 * 32 + 4 + 8;
  assert.deepEqual(activity.busyCycles, {
    control: 1000,
    dma: 500,
    matrix: 100,
    vector: 300,
    'local memory': bytes / (readers + writers),
  });
  const energy = energyOfRun(report, silicon!, activity);
  const more = energyOfRun(report, silicon!, activityOf(chip, { ...stats, bytesLoaded: 8000 }));
  assert.ok(more.memory > energy.memory);
  assert.ok(more.parts['local memory']! > energy.parts['local memory']!);
  assert.equal(more.parts['matrix'], energy.parts['matrix']);
});
