import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chipNames, loadChip, type Chip } from '../../../chip/index.ts';
import type { PlannedBuffer, Region } from '../../../compile/index.ts';
import { regionsOf } from './regions.ts';

const EDGE = loadChip('jade-edge');
const KIB = 1024;

function region(chip: Chip, name: string, buffers: readonly PlannedBuffer[] = []): Region {
  return regionsOf(chip, buffers).find((found) => found.name === name)!;
}

function buffer(name: string, sizeBytes: number): PlannedBuffer {
  return { name, region: name, sizeBytes, first: 0, last: 1 };
}

test('regions of the scratchpad follow each other and fill it, in whole banks', () => {
  const four: Chip = { ...EDGE, scratchpad: { ...EDGE.scratchpad, banks: 4 } };
  for (const chip of [...chipNames().map(loadChip), four]) {
    const { sizeBytes, banks } = chip.scratchpad;
    const own = regionsOf(chip).slice(0, 5);
    own.forEach((found, i) => {
      const before = own[i - 1];
      assert.equal(found.start, before === undefined ? 0 : before.start + before.sizeBytes);
    });
    assert.equal(own.at(-1)!.start + own.at(-1)!.sizeBytes, sizeBytes);
    // Weights and operands of the matrix unit may not share a bank.
    for (const name of ['operands', 'constants'])
      assert.equal(region(chip, name).start % (sizeBytes / banks), 0, `${name} of ${chip.name}`);
  }
});

test('values take what they need from the rings of weights, which keep room for two buffers', () => {
  const values = [buffer('operands', 400 * KIB), buffer('tensors', 200 * KIB)];
  assert.equal(region(EDGE, 'operands', values).sizeBytes, 448 * KIB);
  assert.equal(region(EDGE, 'tensors', values).sizeBytes, 256 * KIB);
  const weights = buffer('stream', 90 * KIB);
  const most = [...values, weights, buffer('operands', 400 * KIB)];
  assert.equal(region(EDGE, 'stream', most).sizeBytes, 192 * KIB);
});
