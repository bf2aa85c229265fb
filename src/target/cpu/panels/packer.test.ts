/** Packing in vectors, held to the packing that takes blocks apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, PANEL_NAMES, randomStored } from '../../../../test/panels.ts';
import { FormatError, Random } from '../../../base/index.ts';
import { createKernelMemory } from '../kernels/memories.ts';
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
        openPacker(memory).pack(name, stored, rows, columns, ADDRESS);
        const found = new Uint8Array(memory.buffer).subarray(0, ADDRESS + expected.length + 64);
        assert.ok(Buffer.from(expected).equals(found.slice(ADDRESS, -64)), `${name} ${rows}`);
        assert.ok([...found.slice(0, ADDRESS), ...found.slice(-64)].every((byte) => byte === 0));
      }
    }
  }
});

test('rows that were read into the memory of the packer are packed from there', () => {
  const [rows, columns] = [45, 64];
  const stored = randomStored('Q4_0', new Random(2), rows, columns);
  const memory = createKernelMemory();
  const packer = openPacker(memory);
  const room = packer.room(stored.length);
  room.set(stored);
  packer.pack('Q4_0', room, rows, columns, ADDRESS);
  const expected = new Uint8Array(panelBytes('Q4_0', rows, columns));
  packPanels('Q4_0', stored, rows, columns, expected);
  const found = new Uint8Array(memory.buffer, ADDRESS, expected.length);
  assert.deepEqual(found, expected);
});

test('a scale that is not finite is refused, wherever it is', () => {
  const [rows, columns, blockBytes] = [64, 96, 34];
  for (const block of [0, 100, 191]) {
    const stored = new Uint8Array((rows * columns * blockBytes) / 32);
    stored[block * blockBytes + 1] = 0xfc;
    const memory = createKernelMemory();
    memory.grow(2);
    const packer = openPacker(memory);
    assert.throws(() => packer.pack('Q8_0', stored, rows, columns, ADDRESS), FormatError);
  }
});
