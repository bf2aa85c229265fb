import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkFiles, checkFunctions } from './floors.ts';
import { measureFunctions } from './functions.ts';

const check = (files: Record<string, string>): string[] =>
  checkFiles(new Map(Object.entries(files)));
const checkImport = (path: string, specifier: string): string[] =>
  check({ [path]: `\nimport { x } from '${specifier}';\n` });

test('a folder may import a lower floor, its own files, packages and data', () => {
  const allowed = [
    ['src/chip/tpp.ts', '../base/index.ts'],
    ['src/target/jade/rtl/core.ts', '../../../compile/index.ts'],
    ['src/target/jade/rtl/core.ts', '../isa.ts'],
    ['src/model/families/qwen3.ts', '../checkpoint/index.ts'],
    ['src/cli/main.ts', '../target/cpu/index.ts'],
    ['src/index.ts', './engine/index.ts'],
    ['src/chip/schema.ts', 'zod'],
    ['src/chip/catalogue.ts', '../../catalogue/chips/jade.json'],
  ] as const;
  for (const [path, specifier] of allowed) assert.deepEqual(checkImport(path, specifier), []);
});

test('a folder must not import a higher floor', () => {
  assert.deepEqual(checkImport('src/chip/tpp.ts', '../cost/index.ts'), [
    "src/chip/tpp.ts:2: chip (floor 2) must import from lower floors only (cost is on 3), not '../cost/index.ts'",
  ]);
});

test('a folder must not import sideways, nor a target another target', () => {
  assert.deepEqual(checkImport('src/chip/tpp.ts', '../model/index.ts'), [
    "src/chip/tpp.ts:2: chip (floor 2) must import from lower floors only (model is on 2), not '../model/index.ts'",
  ]);
  assert.deepEqual(checkImport('src/target/cpu/emit.ts', '../jade/index.ts'), [
    "src/target/cpu/emit.ts:2: target/cpu (floor 5) must import from lower floors only (target/jade is on 5), not '../jade/index.ts'",
  ]);
});

test('a type is no excuse', () => {
  const source = "export type { Cost } from '../cost/index.ts';";
  assert.equal(check({ 'src/chip/tpp.ts': source }).length, 1);
});

test('another folder must be imported through its index.ts', () => {
  assert.deepEqual(checkImport('src/chip/tpp.ts', '../base/errors.ts'), [
    "src/chip/tpp.ts:2: chip must import base through src/base/index.ts, not '../base/errors.ts'",
  ]);
});

test('a file must not import the index.ts above itself', () => {
  for (const [path, specifier] of [
    ['src/model/tokenizer.ts', './index.ts'],
    ['src/model/families/qwen3.ts', '../index.ts'],
    ['src/model/families/qwen3.ts', './index.ts'],
  ] as const)
    assert.deepEqual(checkImport(path, specifier), [
      `${path}:2: a file must import its neighbours, never the index.ts above itself, not '${specifier}'`,
    ]);
});

test('only files for Node, the command line and tests may import from Node', () => {
  assert.deepEqual(checkImport('src/base/byteSource.ts', 'node:fs'), [
    "src/base/byteSource.ts:2: only *.node.ts files, cli/ and tests may import from Node, not 'node:fs'",
  ]);
  for (const path of ['src/base/file.node.ts', 'src/cli/main.ts', 'src/base/file.test.ts'])
    assert.deepEqual(checkImport(path, 'node:fs'), []);
});

test('code outside src/ is for tests only', () => {
  assert.deepEqual(checkImport('src/chip/tpp.ts', '../../test/tiny.ts'), [
    "src/chip/tpp.ts:2: a file must import only data (.json) from outside src/, not '../../test/tiny.ts'",
  ]);
  assert.deepEqual(checkImport('src/chip/tpp.test.ts', '../../test/tiny.ts'), []);
});

test('a file must be in a folder of the floor table, and so must what it imports', () => {
  for (const path of ['src/attic/x.ts', 'src/target/x.ts'])
    assert.deepEqual(check({ [path]: '' }), [
      `${path}:1: a file must be in a folder of the floor table (scripts/floors.ts), not here`,
    ]);
  assert.deepEqual(checkImport('src/cli/main.ts', '../attic/index.ts'), [
    "src/cli/main.ts:2: an import must lead to a folder of the floor table, not '../attic/index.ts'",
  ]);
});

test('a name must say what is inside', () => {
  assert.deepEqual(check({ 'src/base/utils.ts': '', 'src/ir/common/cut.ts': '' }), [
    'src/base/utils.ts:1: a name must say what is inside, not "utils.ts"',
    'src/ir/common/cut.ts:1: a name must say what is inside, not "common"',
  ]);
  assert.deepEqual(check({ 'src/base/commonDivisor.ts': '' }), []);
});

test('files must not wait for each other', () => {
  const circle = {
    'src/ir/a.ts': "import { b } from './b.ts';",
    'src/ir/b.ts': "\nexport { c } from './c.ts';",
    'src/ir/c.ts': "import './b.ts';",
  };
  assert.deepEqual(check(circle), [
    'src/ir/c.ts:1: files must not wait for each other, not src/ir/b.ts -> src/ir/c.ts -> src/ir/b.ts',
  ]);
  for (const edge of ["import type { B } from './b.ts';", "const b = import('./b.ts');"])
    assert.deepEqual(check({ ...circle, 'src/ir/c.ts': edge }), []);
});

test('a file has a greatest length, a test a greater one, a table none', () => {
  const lines = (count: number): string => 'f();\n'.repeat(count);
  assert.deepEqual(check({ 'src/ir/x.ts': lines(401), 'src/ir/x.test.ts': lines(601) }), [
    'src/ir/x.ts:400: the file must have at most 400 lines, not 401',
    'src/ir/x.test.ts:600: the file must have at most 600 lines, not 601',
  ]);
  const fitting = { 'src/ir/x.ts': lines(400), 'src/ir/x.test.ts': lines(600) };
  assert.deepEqual(check({ ...fitting, 'src/ir/x.table.ts': lines(5000) }), []);
});

test('a function has a greatest length, except in a test', () => {
  const folder = mkdtempSync(join(tmpdir(), 'celadon-floors-'));
  const body = (count: number): string => '  f();\n'.repeat(count);
  const source = `const f = () => {\n${body(58)}};\n\nfunction g() {\n${body(59)}}\n`;
  for (const name of ['x.ts', 'x.test.ts']) writeFileSync(join(folder, name), source);
  try {
    const path = join(folder, 'x.ts').replaceAll('\\', '/');
    assert.deepEqual(checkFunctions(measureFunctions(folder)), [
      `${path}:62: a function must have at most 60 lines, not 61`,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
