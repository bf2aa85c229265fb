import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileModule, createMemory, instantiate, ModuleBuilder } from '../../../wasm/index.ts';
import { addExponential } from './exponential.ts';
import { VECTOR_BYTES } from './vectors.ts';

/** exp of many numbers, in place, by the function under test. */
function exponentials(values: Float32Array): Float32Array {
  const module = new ModuleBuilder();
  module.importMemory('host', 'memory', { minPages: 1 });
  const exp = addExponential(module);
  module.addFunction('map', { params: { at: 'i32', end: 'i32' }, exported: true }, (f, p) => {
    f.forLoop(p.at, p.at, p.end, VECTOR_BYTES, () => {
      f.get(p.at).get(p.at).emit('v128.load').emit('call', exp).emit('v128.store');
    });
  });
  const memory = createMemory({ initial: Math.ceil(values.length / 2 ** 14) });
  const all = new Float32Array(memory.buffer);
  all.set(values);
  const { map } = instantiate<{ map(at: number, end: number): void }>(
    compileModule(module.encode()),
    { host: { memory } },
  );
  map(0, values.length * 4);
  return all.slice(0, values.length);
}

test('the relative error of exp is below 2^-22 wherever the result is a normal number', () => {
  const count = 2 ** 20;
  const [low, high] = [-87.3, 88.3];
  const x = Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / count);
  const found = exponentials(x);
  let largest = 0;
  for (const [i, value] of found.entries()) {
    const required = Math.exp(x[i]!);
    largest = Math.max(largest, Math.abs(value - required) / required);
  }
  assert.ok(largest < 2 ** -22, `${largest}`);
});

test('exp of 0 is 1, of very small numbers 0, of very large ones infinite, of NaN NaN', () => {
  const x = Float32Array.of(0, -0, -87.4, -1000, -Infinity, 88.8, 1e30, Infinity, NaN, 1, -1, 0.5);
  const found = [...exponentials(x)];
  assert.deepEqual(found.slice(0, 9), [1, 1, 0, 0, 0, Infinity, Infinity, Infinity, NaN]);
});
