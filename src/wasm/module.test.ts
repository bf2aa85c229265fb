import assert from 'node:assert/strict';
import { test } from 'node:test';
import wabt from 'wabt';
import { ModuleBuilder } from './module.ts';
import { compileModule, createMemory, instantiate, type WasmMemory } from './runtime.ts';

const { parseWat, readWasm } = await wabt();

/** A module with something in every section. */
function buildSample(): ModuleBuilder {
  const module = new ModuleBuilder();
  const report = module.importFunction('host', 'report', ['i32', 'f64'], []);
  module.addMemory({ minPages: 1, maxPages: 3 }, 'memory');
  module.addData(300, Uint8Array.of(1, 2, 3, 250));
  const sum = module.addFunction(
    'sum',
    { params: { p: 'i32', end: 'i32' }, results: ['i32'] },
    (f, { p, end }) => {
      const total = f.local('i32', 'total');
      f.local('v128', 'unused');
      f.forLoop(p, p, end, 1, () =>
        f.get(total).get(p).emit('i32.load8_u').emit('i32.add').set(total),
      );
      f.get(total);
    },
  );
  module.addFunction('main', { params: {}, results: ['i32'], exported: true }, (f) => {
    f.i32(5).emit('f64.const', -0.25).emit('call', report);
    f.i32(300).i32(304).emit('call', sum);
  });
  return module;
}

test('a module that wabt prints and assembles again is the same, byte for byte', () => {
  const binary = buildSample().encode();
  const read = readWasm(binary, { simd: true });
  read.validate();
  const text = read.toText({});
  const assembled = parseWat('sample.wat', text, { simd: true }).toBinary({});
  assert.deepEqual(Buffer.from(assembled.buffer), Buffer.from(binary));
});

test('imports, data and own memory work when the module runs', () => {
  const reports: unknown[] = [];
  const host = { report: (...values: unknown[]) => reports.push(values) };
  const compiled = compileModule(buildSample().encode());
  const exports = instantiate<{ main: () => number; memory: WasmMemory }>(compiled, { host });
  assert.equal(exports.main(), 256);
  assert.deepEqual(reports, [[5, -0.25]]);
  assert.equal(exports.memory.grow(2), 1);
  assert.throws(() => exports.memory.grow(1), RangeError);
});

test('an empty module is its eight header bytes', () => {
  const binary = new ModuleBuilder().encode();
  assert.deepEqual([...binary], [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
});

test('an imported shared memory is used by atomic instructions', () => {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', { minPages: 0, maxPages: 65536, shared: true });
  module.addFunction('add', { params: { x: 'i32' }, results: ['i32'], exported: true }, (f) =>
    f.i32(0).get('x').emit('i32.atomic.rmw.add', 8),
  );
  const memory = createMemory({ initial: 1, maximum: 2, shared: true });
  const { add } = instantiate<{ add: (x: number) => number }>(compileModule(module.encode()), {
    env: { memory },
  });
  assert.equal(add(5), 0);
  assert.equal(add(6), 5);
  assert.equal(new Int32Array(memory.buffer)[2], 11);
});

test('functions of one type share one entry of the type section', () => {
  const module = new ModuleBuilder();
  for (const name of ['a', 'b']) module.addFunction(name, { params: { x: 'i32' } }, () => {});
  module.addFunction('c', { params: { x: 'f32' } }, () => {});
  const [id, , count] = module.encode().subarray(8);
  assert.deepEqual([id, count], [1, 2]);
});

test('a function of more than 127 locals and a body of more than 16 KiB is encoded', () => {
  const module = new ModuleBuilder();
  module.addFunction('big', { params: {}, results: ['i32'], exported: true }, (f) => {
    const locals = Array.from({ length: 200 }, () => f.local('i32'));
    for (let round = 0; round < 20; round++) for (const local of locals) f.advance(local, 1);
    f.get(locals[199]!);
  });
  const binary = module.encode();
  assert.ok(binary.length > 2 ** 14);
  assert.equal(instantiate<{ big: () => number }>(compileModule(binary)).big(), 20);
});

test('declarations that cannot be encoded are refused', () => {
  const module = new ModuleBuilder();
  const limits = { minPages: 1 };
  assert.throws(() => module.addMemory({ ...limits, shared: true }), {
    message: 'a shared memory must have maxPages, not none',
  });
  const withData = new ModuleBuilder();
  withData.addData(0, Uint8Array.of(1));
  assert.throws(() => withData.encode(), {
    message: 'a module with data must have a memory, not none',
  });
  withData.addMemory(limits);
  assert.throws(() => withData.importMemory('env', 'memory', limits), {
    message: 'a module must have one memory, not two',
  });
  withData.addFunction('first', { params: {} }, () => {});
  assert.throws(() => withData.importFunction('env', 'late', []), {
    message: 'imports must come before functions, not after: env.late',
  });
});
