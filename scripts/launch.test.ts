// The launchers, tried on this Node as it is and on this Node claiming to be another.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from './tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'celadon-launch-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const launcher = join(root, 'bin/run.cjs');
const pretend = (name: string, value: unknown): string =>
  `Object.defineProperty(process, '${name}', { value: ${JSON.stringify(value)} });\n`;
const asOld = write('old.cjs', pretend('versions', { node: '20.20.2' }));
const asOldAndRare = write(
  'rare.cjs',
  pretend('versions', { node: '20.20.2' }) +
    pretend('platform', 'plan9') +
    pretend('arch', 'sparc'),
);
const program = write(
  'program.ts',
  `const [, , ...given]: string[] = process.argv;
   const input = require('node:fs').readFileSync(0, 'utf8');
   console.log(JSON.stringify({ given, input, PATH: process.env.PATH }));
   process.exit(7);`,
);
const patient = write(
  'patient.ts',
  `process.on('SIGTERM', () => process.exit(9));
   setInterval(() => {}, 1000);
   console.log('ready');`,
);

for (const [how, options] of [
  ['in this process', []],
  ['on the packaged Node', ['--require', asOld]],
] as const) {
  test(`${how}, a program gets arguments and input, and its exit code comes back`, () => {
    const run = spawnSync(process.execPath, [...options, launcher, program, 'a', 'b c'], {
      encoding: 'utf8',
      input: 'text',
    });
    assert.equal(run.status, 7, run.stderr);
    const { given, input, PATH } = JSON.parse(run.stdout);
    assert.deepEqual({ given, input }, { given: ['a', 'b c'], input: 'text' });
    if (options.length === 0) assert.ok(PATH.startsWith(dirname(process.execPath)));
    else assert.match(PATH, /^[^:;]*node_modules.node-/);
  });

  test(`${how}, a program receives the signal to terminate`, async () => {
    const run = spawn(process.execPath, [...options, launcher, patient]);
    await once(run.stdout, 'data');
    run.kill('SIGTERM');
    assert.deepEqual(await once(run, 'exit'), [9, null]);
  });
}

test('the compiler that the launcher chooses can compile every kernel of the cpu, and the walk', () => {
  const kernels = join(root, 'src/target/cpu/kernels/kernelModule.ts');
  const walk = join(root, 'src/target/cpu/kernels/walk.ts');
  const urls = [kernels, walk].map((file) => JSON.stringify(pathToFileURL(file).href));
  const compileAll = write(
    'compileAll.ts',
    `const { emitKernels } = await import(${urls[0]});
     const { emitWalk } = await import(${urls[1]});
     process.getBuiltinModule('node:v8').setFlagsFromString('--no-wasm-lazy-compilation');
     for (const products of ['sevenBits', 'eightBits'])
       new WebAssembly.Module(emitKernels({ products, shared: true }));
     new WebAssembly.Module(emitWalk(true, 3));
     export {};`,
  );
  assertPasses(compileAll);
});

for (const tests of [
  'target/cpu/kernels/linearPanels',
  'target/cpu/kernels/floatPanels',
  'wasm/kernels/mxDot',
]) {
  test(`with it, kernels compute what they must: ${tests}`, () =>
    assertPasses(join(root, `src/${tests}.test.ts`)));
}

function assertPasses(file: string): void {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = spawnSync(process.execPath, [launcher, file], { encoding: 'utf8', env });
  assert.equal(run.status, 0, run.stdout + run.stderr);
}

test('where npm has no Node to offer, one line says so', () => {
  const run = spawnSync(process.execPath, ['--require', asOldAndRare, launcher, program], {
    encoding: 'utf8',
  });
  assert.equal(run.status, 1);
  assert.equal(
    run.stderr,
    'celadon: Node must be 24.3 or newer, not 20.20.2, and npm has installed none for plan9-sparc; ' +
      'install a newer Node, or run npm install without --omit=optional.\n',
  );
});

test('without a file, the launcher explains its use', () => {
  const run = spawnSync(process.execPath, [launcher], { encoding: 'utf8' });
  assert.equal(run.status, 2);
  assert.equal(run.stderr, 'usage: node bin/run.cjs FILE [ARGUMENT...]\n');
});
