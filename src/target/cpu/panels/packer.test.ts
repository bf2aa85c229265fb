/** Packing in vectors, held to the packing that takes blocks apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, PANEL_NAMES, randomStored } from '../../../../test/panels.ts';
import { FormatError, Random } from '../../../base/index.ts';
import { createKernelMemory } from '../kernels/kernelModule.ts';
import { openPacker } from './packer.ts';
import { panelBytes } from './panelLayout.ts';
import { packPanels } from './packPanels.ts';

const ADDRESS = 128;

test('panels in a memory are those of the packing block by block, in every format and for any number of rows', () => {
  const random = new Random(11);
  for (const shared of [false, true]) {
    for (const name of PANEL_NAMES) {
      for (const [rows, units] of [
        [1, 1],
        [32, 3],
        [45, 2],
        [96, 1],
        [127, 9],
      ] as const) {
        const columns = columnsOf(name, units);
        const stored = randomStored(name, random, rows, columns);
        const expected = new Uint8Array(panelBytes(name, rows, columns));
        packPanels(name, stored, rows, columns, expected);
        const memory = createKernelMemory(shared);
        memory.grow(Math.ceil(expected.length / 65536));
        openPacker(memory)(name, stored, rows, columns, ADDRESS);
        const found = new Uint8Array(memory.buffer).subarray(0, ADDRESS + expected.length + 64);
        assert.ok(Buffer.from(expected).equals(found.slice(ADDRESS, -64)), `${name} ${rows}`);
        assert.ok([...found.slice(0, ADDRESS), ...found.slice(-64)].every((byte) => byte === 0));
      }
    }
  }
});

test('a scale that is not finite is refused, wherever it is', () => {
  const [rows, columns, blockBytes] = [64, 96, 34];
  for (const block of [0, 100, 191]) {
    const stored = new Uint8Array((rows * columns * blockBytes) / 32);
    stored[block * blockBytes + 1] = 0xfc;
    const memory = createKernelMemory();
    memory.grow(2);
    const pack = openPacker(memory);
    assert.throws(() => pack('Q8_0', stored, rows, columns, ADDRESS), FormatError);
  }
});
