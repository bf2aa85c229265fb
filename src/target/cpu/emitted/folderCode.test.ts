import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { folderCode } from './folderCode.node.ts';

const SOURCES = Buffer.alloc(32, 7);
const CODE = { file: Uint8Array.of(1, 2, 3), functions: new Map([['run', 64]]) };

function inFolder(use: (folder: string) => void): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-code-'));
  try {
    use(path.join(folder, 'code'));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** How often code is emitted when it is asked for, and what is there then. */
function take(folder: string, { name = 'code', sources = SOURCES } = {}): number {
  let emitted = 0;
  const emit = (): typeof CODE => {
    emitted++;
    return CODE;
  };
  assert.deepEqual(folderCode(folder, sources).take(name, emit), CODE);
  return emitted;
}

test('code is emitted once, for each name', () =>
  inFolder((folder) => {
    assert.equal(take(folder), 1);
    assert.equal(take(folder), 0);
    assert.equal(take(folder, { name: 'other' }), 1);
    assert.equal(take(folder), 0);
    assert.equal(fs.readdirSync(folder).length, 2);
  }));

test('code of other sources is emitted anew, and takes its place', () =>
  inFolder((folder) => {
    const sources = Buffer.alloc(32, 8);
    take(folder);
    assert.equal(take(folder, { sources }), 1);
    assert.equal(take(folder, { sources }), 0);
    assert.equal(fs.readdirSync(folder).length, 1);
  }));

test('a damaged file is emitted anew', () =>
  inFolder((folder) => {
    take(folder);
    const file = path.join(folder, fs.readdirSync(folder)[0]!);
    const whole = fs.readFileSync(file);
    const last = whole.length - 1;
    const damaged = [
      ...[0, 31, 32, 64, last].map((at) => Buffer.from(whole.map((byte, i) => byte ^ +(i === at)))),
      ...[0, 32, 64, last].map((length) => whole.subarray(0, length)),
    ];
    for (const bytes of damaged) {
      fs.writeFileSync(file, bytes);
      assert.equal(take(folder), 1);
    }
    assert.equal(take(folder), 0);
  }));

test('a folder that cannot be written means that nothing is kept, and no error', () =>
  inFolder((folder) => {
    fs.writeFileSync(folder, 'a file in its place');
    assert.equal(take(folder), 1);
    assert.equal(take(folder), 1);
  }));

test('the sources are those that emit, as they are', () =>
  inFolder((folder) => {
    const store = folderCode(folder);
    store.take('code', () => CODE);
    const [file] = fs.readdirSync(folder);
    const hash = fs.readFileSync(path.join(folder, file!)).subarray(32, 64);
    assert.equal(take(folder, { name: 'code', sources: hash }), 0);
  }));
