import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../../base/index.ts';
import { createKernelMemory } from '../kernels/memories.ts';
import { openChecksum } from './checksum.ts';
import { clearImages, folderStore, listImages } from './folderStore.node.ts';
import { SLICE_BYTES } from './imageFile.node.ts';
import type { MemoryRegion } from './imageStore.ts';

/** Two slices, the second of them short. */
const BYTES = SLICE_BYTES + 4096;
const LIMIT = 2 ** 30;

function emptyRegion(bytes = BYTES): MemoryRegion {
  const memory = createKernelMemory(true);
  memory.grow(Math.ceil(bytes / 65536));
  return { memory, address: 64, bytes };
}

function bytesOf({ memory, address, bytes }: MemoryRegion): Uint8Array {
  return new Uint8Array(memory.buffer, address, bytes);
}

function randomRegion(seed = 1): MemoryRegion {
  const region = emptyRegion();
  const random = new Random(seed);
  const words = new Uint32Array(region.memory.buffer, region.address, region.bytes / 4);
  for (let i = 0; i < words.length; i++) words[i] = random.uint32();
  return region;
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-images-'));
  try {
    await use(path.join(folder, 'weights'));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function saved(folder: string, count = 1): Promise<string> {
  while (listImages(folder).length < count) await sleep(5);
  return listImages(folder).at(-1)!.file;
}

test('an image comes back as it was saved, to whom asks for the same', () =>
  inFolder(async (folder) => {
    const region = randomRegion();
    const store = folderStore(folder, 'content', LIMIT);
    assert.equal(store.load('layout', emptyRegion()), false);
    store.save('layout', region);
    await saved(folder);
    const again = emptyRegion();
    assert.equal(store.load('layout', again), true);
    assert.deepEqual(bytesOf(again), bytesOf(region));
    assert.equal(store.load('other layout', emptyRegion()), false);
    assert.equal(folderStore(folder, 'other content', LIMIT).load('layout', emptyRegion()), false);
    assert.equal(store.load('layout', emptyRegion(BYTES - 64)), false);
    assert.equal(clearImages(folder) > BYTES, true);
    assert.equal(store.load('layout', emptyRegion()), false);
  }));

test('a damaged file is no image, and leaves memory as it was', () =>
  inFolder(async (folder) => {
    const store = folderStore(folder, 'content', LIMIT);
    store.save('layout', randomRegion());
    const file = await saved(folder);
    const whole = fs.readFileSync(file);
    const zeros = Buffer.alloc(BYTES);
    const damaged = (bytes: Uint8Array): void => {
      fs.writeFileSync(file, bytes);
      const region = emptyRegion();
      assert.equal(store.load('layout', region), false);
      assert.ok(Buffer.from(bytesOf(region)).equals(zeros));
    };
    const random = new Random(2);
    const places = [0, 8, 12, 16, 24, 56, 64, 72, 100, whole.length - 1];
    for (const at of [...places, ...Array.from({ length: 8 }, () => random.int(whole.length))]) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << random.int(8);
      damaged(flipped);
    }
    for (const length of [0, 1, 56, 4096, SLICE_BYTES, whole.length - 1])
      damaged(whole.subarray(0, length));
    damaged(Buffer.concat([whole, Buffer.alloc(1)]));
    const hole = Buffer.from(whole).fill(0, 8192, 12288);
    damaged(hole);
    fs.writeFileSync(file, whole);
    assert.equal(store.load('layout', emptyRegion()), true);
  }));

test('a program that is killed while it saves leaves no image', () =>
  inFolder(async (folder) => {
    // It kills itself when the first slice has been written, long before the file is complete.
    const program = `
      import fs from 'node:fs';
      import { createKernelMemory } from '${path.join(import.meta.dirname, '../kernels/memories.ts')}';
      import { folderStore } from '${path.join(import.meta.dirname, 'folderStore.node.ts')}';
      const memory = createKernelMemory(true);
      memory.grow(1024);
      folderStore('${folder}', 'content', ${LIMIT}).save('layout', { memory, address: 64, bytes: 2 ** 26 - 4096 });
      const look = () => {
        const files = fs.existsSync('${folder}') ? fs.readdirSync('${folder}') : [];
        const begun = files.some((name) => fs.statSync('${folder}/' + name).size > 0);
        if (begun) process.kill(process.pid, 'SIGKILL');
        setImmediate(look);
      };
      look();`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual(listImages(folder), []);
    const [part] = fs.readdirSync(folder);
    assert.match(part!, /\.part$/);
    const hourAgo = new Date(Date.now() - 3_600_000);
    fs.utimesSync(path.join(folder, part!), hourAgo, hourAgo);
    folderStore(folder, 'content', LIMIT).save('layout', randomRegion());
    await saved(folder);
    assert.equal(fs.existsSync(path.join(folder, part!)), false);
  }));

test('the longest unused images make room for others', () =>
  inFolder(async (folder) => {
    const store = folderStore(folder, 'content', 2.5 * BYTES);
    for (const [i, name] of ['a', 'b'].entries()) {
      store.save(name, randomRegion(i));
      await saved(folder, i + 1);
    }
    const [older, newer] = [new Date(1e12), new Date(2e12)];
    for (const { file } of listImages(folder)) fs.utimesSync(file, older, older);
    assert.equal(store.load('a', emptyRegion()), true);
    const used = listImages(folder).at(-1)!.file;
    fs.utimesSync(used, newer, newer);
    store.save('c', randomRegion(3));
    while (!store.load('c', emptyRegion())) await sleep(5);
    assert.equal(store.load('a', emptyRegion()), true);
    assert.equal(store.load('b', emptyRegion()), false);
    folderStore(folder, 'content', BYTES / 2).save('d', randomRegion(4));
    await sleep(50);
    assert.equal(listImages(folder).length, 2);
  }));

test('a folder that cannot be written means no image, and no error', () =>
  inFolder(async (folder) => {
    fs.writeFileSync(folder, 'a file in its place');
    const store = folderStore(folder, 'content', LIMIT);
    store.save('layout', randomRegion());
    await sleep(20);
    assert.equal(store.load('layout', emptyRegion()), false);
  }));

test('a checksum sees changed and moved lines', () => {
  const region = randomRegion();
  const checksum = openChecksum(region.memory);
  const end = region.address + 4096;
  const bytes = new Uint8Array(region.memory.buffer);
  const whole = checksum(region.address, end);
  bytes[100]! ^= 0x80;
  assert.notEqual(checksum(region.address, end), whole);
  bytes[100]! ^= 0x80;
  assert.equal(checksum(region.address, end), whole);
  const line = bytes.slice(128, 144);
  bytes.copyWithin(128, 144, 160);
  bytes.set(line, 144);
  assert.notEqual(checksum(region.address, end), whole);
});
