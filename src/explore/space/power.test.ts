import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, loadMemories, loadSilicon } from '../../chip/index.ts';
import { areaOf, energyOfRun } from '../../cost/index.ts';
import { loadSiliconBill, loadSiliconPieces } from '../../target/jade/index.ts';
import { ChipPrices } from './chipSilicon.ts';
import { powerOf } from './power.ts';

const CHIP = { ...loadChip('jade-edge'), cores: 2 };
const SILICON = loadSilicon('asap7');
const MEMORIES = loadMemories();
const IDLE = { matrix: 0, vector: 0, memory: 0, memoryBytesPerSecond: 0 };

const { SiliconPieces } = await loadSiliconPieces();
const PRICED = new ChipPrices(new SiliconPieces(), SILICON).of(CHIP);

test('power is the energy of a run by its time', async () => {
  const { siliconBill, activityOf } = await loadSiliconBill();
  const [cycles, busy, bytes] = [1e6, 4e5, 3e7];
  const macs = 0.5 * cycles * 2 * 32 * CHIP.matrix.columns;
  const stats = { cycles, busyCycles: [0, 0, busy, 0], memoryBusyCycles: 6e5, bytesLoaded: bytes };
  const run = { ...stats, bytesStored: 0, macs } as unknown as Parameters<typeof activityOf>[1];
  const energy = energyOfRun(areaOf(siliconBill(CHIP), SILICON), SILICON, activityOf(CHIP, run));
  const seconds = cycles / CHIP.clockHz;
  const power = powerOf(CHIP, PRICED, MEMORIES.get('LPDDR5X')!, {
    matrix: 0.5,
    vector: busy / cycles,
    memory: 0.6,
    memoryBytesPerSecond: bytes / seconds,
  });
  near(power.logic, energy.logic / seconds);
  near(power.onChipMemory, energy.memory / seconds);
  near(power.leakage, energy.leakage / seconds);
});

test('memory outside: bytes by the energy of a bit; not known is null, nothing is 0', () => {
  const busy = { ...IDLE, memory: 1, memoryBytesPerSecond: 1e12 };
  const memory = MEMORIES.get('HBM3')!;
  const { outsideMemory, total, logic, onChipMemory, leakage } = powerOf(
    CHIP,
    PRICED,
    memory,
    busy,
  );
  near(outsideMemory!.value, 8 * memory.picojoulesPerBit!.value);
  near(total!, logic + onChipMemory + leakage + outsideMemory!.value);
  const psram = MEMORIES.get('PSRAM')!;
  assert.equal(powerOf(CHIP, PRICED, psram, busy).total, null);
  assert.notEqual(powerOf(CHIP, PRICED, psram, IDLE).total, null);
});

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * expected, `${actual} is not ${expected}`);
}
