import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { clearCode, folderCode, FOLDERS, hashOfSources, listCode } from './folderCode.node.ts';

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

test('what this V8 does not read is emitted anew', () =>
  inFolder((folder) => {
    take(folder);
    const file = path.join(folder, fs.readdirSync(folder)[0]!);
    const content = fs.readFileSync(file).subarray(32);
    content[33] = 99; // the version of V8's format
    const sum = createHash('sha256').update(content).digest();
    fs.writeFileSync(file, Buffer.concat([sum, content]));
    assert.equal(take(folder), 1);
    assert.equal(take(folder), 0);
  }));

test('what is kept can be listed and removed, with what was left half written', () =>
  inFolder((folder) => {
    assert.deepEqual(listCode(folder), []);
    take(folder);
    fs.writeFileSync(path.join(folder, 'x.code.1.part'), 'half');
    assert.deepEqual(
      listCode(folder).map(({ sizeBytes }) => sizeBytes > 64),
      [true],
    );
    clearCode(folder);
    assert.deepEqual(fs.readdirSync(folder), []);
  }));

/** The files of ours that a module reads values from, itself among them. */
function modulesFrom(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = fs.readFileSync(file, 'utf8');
  for (const [, name] of text.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)';/gm))
    if (name!.endsWith('.ts')) modulesFrom(path.join(path.dirname(file), name!), found);
  return found;
}

test('all that the emitters read is in the folders that are hashed', () => {
  const source = path.join(import.meta.dirname, '../../..');
  const emitters = ['kernels/kernelModule.ts', 'kernels/walk.ts', 'x86/machineCode.ts'];
  const files = emitters.flatMap((file) => [...modulesFrom(path.join(source, 'target/cpu', file))]);
  assert.ok(files.length > 50);
  const outside = files.filter(
    (file) => !FOLDERS.some((folder) => file.startsWith(path.join(source, folder, path.sep))),
  );
  assert.deepEqual(outside, []);
});

test('the hash changes with the sources alone', () => {
  assert.deepEqual(hashOfSources(), hashOfSources());
  assert.equal(hashOfSources().length, 32);
});
