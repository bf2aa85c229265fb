import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFileSource } from './byteSource.node.ts';
import { memorySource } from './byteSource.ts';
import type { ByteSource } from './byteSource.ts';
import { FormatError, UsageError } from './errors.ts';

function withTemporaryFile(use: (file: string) => void): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-bytes-'));
  try {
    use(path.join(folder, 'data.bin'));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function checkReads(source: ByteSource): void {
  assert.equal(source.sizeBytes, 10);
  assert.deepEqual([...source.read(2, 3)], [2, 3, 4]);
  assert.deepEqual([...source.read(10, 0)], []);
  assert.equal(source.read(3, 4).buffer.byteLength, 4);
  for (const [offset, length] of [
    [8, 3],
    [-1, 2],
    [0, -1],
    [0.5, 1],
    [11, 0],
    [0, NaN],
    [2 ** 60, 1],
  ]) {
    assert.throws(() => source.read(offset!, length!), FormatError);
  }
}

test('memory and files give the same ranges and refuse the same', () => {
  const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
  checkReads(memorySource('bytes', bytes));
  withTemporaryFile((file) => {
    fs.writeFileSync(file, bytes);
    const source = openFileSource(file);
    checkReads(source);
    source.close();
  });
});

test('what is read belongs to the caller', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  memorySource('bytes', bytes).read(0, 3)[0] = 99;
  assert.equal(bytes[0], 1);
});

test('a range beyond 4 GiB of a sparse file is read', () => {
  withTemporaryFile((file) => {
    const sizeBytes = 5 * 2 ** 30;
    fs.writeFileSync(file, '');
    fs.truncateSync(file, sizeBytes);
    const handle = fs.openSync(file, 'r+');
    fs.writeSync(handle, Uint8Array.of(7, 8), 0, 2, sizeBytes - 2);
    fs.closeSync(handle);
    const source = openFileSource(file);
    assert.equal(source.sizeBytes, sizeBytes);
    assert.deepEqual([...source.read(sizeBytes - 3, 3)], [0, 7, 8]);
    source.close();
  });
});

test('a file that shrinks after it was opened is reported', () => {
  withTemporaryFile((file) => {
    fs.writeFileSync(file, 'twelve bytes');
    const source = openFileSource(file);
    fs.truncateSync(file, 4);
    assert.throws(() => source.read(0, 12), /became shorter/);
    source.close();
  });
});

test('a missing file and a folder are refused by name', () => {
  withTemporaryFile((file) => {
    assert.throws(() => openFileSource(file), { name: UsageError.name, where: file });
    assert.throws(() => openFileSource(path.dirname(file)), /not a folder or device/);
  });
});
