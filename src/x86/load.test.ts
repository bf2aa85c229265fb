import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Assembler } from './assembler.ts';
import { loadLibrary, requirePlatform, type NativeLibrary } from './load.node.ts';
import { at, type General } from './operands.ts';

const runs = process.platform === 'linux' && process.arch === 'x64';
const skip = runs ? false : 'machine code runs on Linux on x64';

/** A library with `add(a, b, out)` of whole numbers, and one that keeps a table beside its code. */
function addNumbers(assembler: Assembler): Assembler {
  assembler.addFunction('add', ['a', 'b', 'out'], (f, block) => {
    const [a, b, out] = f.load(block.a, block.b, block.out) as [General, General, General];
    f.emit('add', a, b).emit('mov', at(out), a);
  });
  const table = assembler.constant(Uint8Array.from({ length: 8 }, (_, i) => i + 1));
  assembler.addFunction('table', ['out'], (f, block) => {
    const [out, value] = [...f.load(block.out), f.general()] as [General, General];
    f.emit('mov', value, at(table)).emit('mov', at(out), value);
  });
  return assembler;
}

function call(library: NativeLibrary, name: string, ...args: bigint[]): bigint {
  const cells = new BigUint64Array(args.length + 2);
  const address = BigInt(library.addressOf(cells.buffer));
  cells.set([...args, address + 8n * BigInt(args.length + 1)]);
  library.call(library.functionAddress(name), Number(address));
  return cells.at(-1)!;
}

test(
  'functions run on their block of arguments, and read constants beside the code',
  { skip },
  () => {
    const library = loadLibrary(addNumbers(new Assembler()));
    assert.equal(call(library, 'add', 40n, 2n), 42n);
    assert.equal(call(library, 'table'), 0x0807060504030201n);
    assert.throws(() => library.functionAddress('sub'), {
      message: 'machine code must have a function sub',
    });
  },
);

test('memory is shared by address: ordinary, shared and mapped', { skip }, () => {
  const library = loadLibrary(addNumbers(new Assembler()));
  for (const buffer of [new ArrayBuffer(64), new SharedArrayBuffer(64), library.map(2 ** 22 + 5)]) {
    const cells = new BigUint64Array(buffer, 0, 4);
    const address = library.addressOf(buffer);
    cells.set([1n, 2n, BigInt(address + 24), 0n]);
    library.call(library.functionAddress('add'), address);
    assert.equal(cells[3], 3n);
  }
  assert.throws(() => library.addressOf({} as ArrayBuffer), { message: /needs a buffer/ });
  assert.throws(() => library.map(2 ** 60), { message: /must be 1152921504606847000 bytes/ });
});

test('a call with what is no number does nothing', { skip }, () => {
  const library = loadLibrary(addNumbers(new Assembler()));
  assert.equal(library.call('x' as never, undefined as never), undefined);
});

test('what is not Linux on x64 is refused', () => {
  assert.throws(() => requirePlatform('darwin', 'arm64'), {
    name: 'UnsupportedError',
    message: 'machine code must run on Linux on x64, not darwin on arm64',
  });
});

/** Loads the numbers in another process or thread and prints what came of it. */
const SCRIPT = `
  const { Assembler, loadLibrary } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)});
  try { loadLibrary(new Assembler()); console.log('loaded'); }
  catch (error) { console.log(error.name + ': ' + error.message); }`;

function runElsewhere(options: readonly string[], env: Readonly<Record<string, string>>): string {
  const run = [...options, '--input-type=module', '-e', SCRIPT];
  return spawnSync(process.execPath, run, { encoding: 'utf8', env: { ...process.env, ...env } })
    .stdout;
}

test(
  'a folder that is not there, and the permission model, are reasons and not crashes',
  { skip },
  () => {
    assert.match(runElsewhere([], { TMPDIR: '/nowhere' }), /^UnsupportedError: .*ENOENT/);
    const permission = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*'];
    assert.match(runElsewhere(permission, {}), /^UnsupportedError: machine code must be loadable/);
  },
);

test('several threads load the library, and no file stays behind', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'celadon-load-test-'));
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  try {
    const worker = new Worker(
      `import { parentPort } from 'node:worker_threads';
       console.log = (text) => parentPort.postMessage(text);${SCRIPT}`,
      { eval: true, type: 'module' } as object,
    );
    loadLibrary(addNumbers(new Assembler()));
    const text = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    assert.equal(text, 'loaded');
    await worker.terminate();
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(folder, { recursive: true });
  }
});
