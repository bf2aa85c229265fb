import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import { chipNames, loadChip, parseChip, windowBytes, type Chip } from '../../chip/index.ts';
import type { BillPart } from '../../cost/index.ts';
import { siliconBill } from './siliconBill.ts';
import { SiliconPieces } from './siliconPieces.ts';

test('the pieces of chips come to their bills, piece by piece from one cache', () => {
  const pieces = new SiliconPieces();
  const random = new Random(8);
  const chips = [
    ...chipNames().map(loadChip),
    ...neighbours(loadChip('jade-nano')),
    ...Array.from({ length: 3 }, () => anyChip(random)),
  ];
  for (const chip of chips) {
    const whole = siliconBill({ ...chip, cores: 1 }).parts;
    const composed = whole.map(({ part }) => {
      return pieces
        .of(chip)
        .flat()
        .filter(({ bill }) => bill.part === part);
    });
    assert.deepEqual(
      composed.map((each) => totalOf(each.map(({ bill, count }) => [bill, count]))),
      whole.map((part) => totalOf([[part, 1]])),
      JSON.stringify(chip),
    );
  }
});

/** What bills come to, in any order. */
function totalOf(bills: readonly (readonly [BillPart, number])[]): object {
  const totals = new Map<string, number>();
  const add = (key: string, count: number): unknown =>
    totals.set(key, (totals.get(key) ?? 0) + count);
  for (const [{ units, registerBits, operators, memories }, count] of bills) {
    add('registerBits', registerBits * count);
    for (const each of units) add(each.unit, each.count * count);
    for (const each of [...operators, ...memories])
      add(JSON.stringify({ ...each, count: 0 }), each.count * count);
  }
  return Object.fromEntries([...totals].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The chip with one size changed: it gets a part of another if a key does not say that size. */
function neighbours(chip: Chip): Chip[] {
  const { matrix, vector, scratchpad, accumulator, dma, memory } = chip;
  const changes: Partial<Chip>[] = [
    { matrix: { ...matrix, columns: 32 } },
    { matrix: { ...matrix, weightFormat: 'mxint8' } },
    { matrix: { ...matrix, weightPortBytesPerCycle: 128 } },
    { matrix: { ...matrix, pipelineCycles: 18 } },
    { matrix: { ...matrix, accumulateCycles: 5 } },
    { vector: { ...vector, lanes: 64 } },
    { vector: { ...vector, operationCycles: 4 } },
    { scratchpad: { ...scratchpad, banks: 4 } },
    { scratchpad: { ...scratchpad, sizeBytes: 2 * scratchpad.sizeBytes } },
    { accumulator: { ...accumulator, sizeBytes: 2 * accumulator.sizeBytes } },
    { control: { sizeBytes: 8192 } },
    { dma: { ...dma, outstandingLoads: 8 } },
    { dma: { ...dma, burstBytes: 64 } },
    { memory: { ...memory, bytesPerCycle: 16 } },
    { memory: { ...memory, sizeBytes: 2 ** 30 } },
  ];
  return changes.map((change) => parseChip({ ...chip, ...change }, 'a neighbour'));
}

function anyChip(random: Random): Chip {
  const base = loadChip('jade-edge');
  const pick = <T>(...values: readonly T[]): T => values[random.int(values.length)]!;
  const columns = pick(16, 32, 64, 128);
  const bytesPerCycle = pick(8, 32, 128, 256);
  const weightFormat = pick<Chip['matrix']['weightFormat']>('mxint8', 'mxfp4');
  const [pipelineCycles, accumulateCycles] = pick([20, 8], [16, 6], [22, 8]);
  const matrix = {
    ...base.matrix,
    columns,
    weightFormat,
    pipelineCycles,
    accumulateCycles,
    weightPortBytesPerCycle: pick(256, 512),
  };
  const chip: Chip = {
    ...base,
    matrix,
    vector: { lanes: pick(32, 64, 128), operationCycles: pick(2, 4, 6) },
    memory: { ...base.memory, bytesPerCycle, sizeBytes: pick(2 ** 25, 3 * 2 ** 33) },
    dma: { outstandingLoads: pick(1, 3, 16), burstBytes: pick(32, 64) },
  };
  const [banks, accumulatorBanks] = [pick(4, 8, 16), pick(2, 4)];
  const least = 4 * windowBytes(chip);
  return parseChip(
    {
      ...chip,
      scratchpad: { sizeBytes: banks * least * pick(1, 2, 8), banks },
      accumulator: { sizeBytes: accumulatorBanks * least * pick(1, 4), banks: accumulatorBanks },
      control: { sizeBytes: least * pick(1, 2) },
    },
    'a random chip',
  );
}
