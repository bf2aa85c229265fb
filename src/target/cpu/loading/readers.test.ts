import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { randomStored } from '../../../../test/panels.ts';
import { Random } from '../../../base/index.ts';
import { createKernelMemory } from '../kernels/memories.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { packPanels } from '../panels/packPanels.ts';
import { openReaders, startReaders } from './readers.node.ts';
import { finishSlices, makeProgress, type FileSlice, type Numbered } from './slices.ts';

const [ROWS, COLUMNS] = [64, 96];
const FORMATS = ['Q8_0', 'Q4_0', 'IQ4_NL'] as const;

interface Written {
  readonly slice: FileSlice;
  readonly expected: Uint8Array;
}

/** Random rows of each format in one file; `damage` changes what is stored. */
async function withFile(
  use: (all: readonly Written[]) => Promise<void> | void,
  damage: (stored: Uint8Array, i: number) => void = () => {},
): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-readers-'));
  const descriptor = fs.openSync(path.join(folder, 'rows'), 'w+');
  const random = new Random(3);
  let [offset, address] = [5, 64];
  try {
    const all = FORMATS.map((format, i): Written => {
      const stored = randomStored(format, random, ROWS, COLUMNS);
      const expected = new Uint8Array(panelBytes(format, ROWS, COLUMNS));
      packPanels(format, stored, ROWS, COLUMNS, expected);
      damage(stored, i);
      fs.writeSync(descriptor, stored, 0, stored.length, offset);
      const rowBytes = stored.length / ROWS;
      const panels = ROWS / 32;
      const place = { memory: 0, address, descriptor, offset, bytes: stored.length };
      [offset, address] = [offset + stored.length, address + expected.length];
      return { slice: { format, rowBytes, panels, ...place }, expected };
    });
    await use(all);
  } finally {
    fs.closeSync(descriptor);
    fs.rmSync(folder, { recursive: true });
  }
}

/** Lets one reader have all slices first; returns the memory, and those that were left to this thread. */
function readAll(all: readonly Written[]): { bytes: Uint8Array; left: number[] } {
  const memory = createKernelMemory(true);
  const slices = all.map(({ slice }, i): Numbered<FileSlice> => [i, slice]);
  const progress = makeProgress(all.length, true);
  startReaders(1).begin({ slices, progress, memories: new Map([[0, memory]]) });
  // It is told of when the reader is done with it.
  Atomics.wait(progress, all.length - 1, 0, 30_000);
  const left: number[] = [];
  finishSlices(slices, progress, (slice) => left.push(slices.findIndex(([, of]) => of === slice)));
  return { bytes: new Uint8Array(memory.buffer), left };
}

test('a reader packs rows of a file as this thread would', () =>
  withFile((all) => {
    const { bytes, left } = readAll(all);
    assert.deepEqual(left, []);
    for (const { slice, expected } of all) {
      const found = bytes.slice(slice.address, slice.address + expected.length);
      assert.deepEqual(found, expected, slice.format);
    }
  }));

test('what a reader cannot pack is left to this thread, and the reader warns of it', () =>
  withFile(
    async (all) => {
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
      const { left } = readAll(all);
      assert.deepEqual(left, [2]);
      assert.match((await warned).message, /a scale is not finite/);
    },
    (stored, i) => {
      if (i === 2) stored[1] = 0x7c;
    },
  ));

test('readers are for several threads and many bytes, and can be closed before they read', () => {
  assert.equal(openReaders(1, 2 ** 30), undefined);
  assert.equal(openReaders(8, 2 ** 20), undefined);
  openReaders(2, 2 ** 30)!.close();
});
