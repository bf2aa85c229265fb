// Roofs of the figure of a report.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, type Chip } from '../../chip/index.ts';
import type { Design } from '../space/design.ts';
import { roofsOf } from './roofs.ts';

function designOf(chip: Chip): Design {
  return { decode: { chip } } as unknown as Design;
}

test('a roof is what multipliers and memory of all cores can do; equal ones are drawn once', () => {
  const nano = loadChip('jade-nano'); // 32 lanes × 16 columns
  const twice = { ...nano, name: 'two cores', cores: 2 };
  const alike = { ...nano, name: 'alike' };
  const roofs = roofsOf([nano, twice, alike].map(designOf));
  const { clockHz, memory } = nano;
  const one = {
    operationsPerSecond: 1024 * clockHz,
    bytesPerSecond: memory.bytesPerCycle * clockHz,
  };
  assert.deepEqual(roofs, [
    { name: nano.name, ...one },
    {
      name: 'two cores',
      operationsPerSecond: 2 * one.operationsPerSecond,
      bytesPerSecond: 2 * one.bytesPerSecond,
    },
  ]);
});
