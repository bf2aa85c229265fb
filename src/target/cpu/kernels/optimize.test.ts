/** Code that is compiled with V8's flags computes what all code does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileModule, instantiate } from '../../../wasm/index.ts';
import { type Kernels } from './bind.ts';
import { byteProductsOfHost } from './byteProducts.ts';
import { compiledKernels, createKernelMemory, emitKernels } from './kernelModule.ts';
import { answerOf, KNOWN_ANSWER } from './knownAnswer.ts';

function answer(module: object, shared = false): number {
  const memory = createKernelMemory(shared);
  return answerOf(instantiate<Kernels>(module, { host: { memory } }), memory);
}

test('every module gives the known answer: change it there when the numbers are meant to change', () => {
  for (const products of ['none', 'sevenBits', byteProductsOfHost()] as const)
    assert.equal(answer(compileModule(emitKernels({ products }))), KNOWN_ANSWER, products);
});

test('so do optimized modules, on memories of one thread and of several', () => {
  for (const shared of [false, true]) {
    const { module, optimized } = compiledKernels(shared);
    assert.equal(answer(optimized, shared), KNOWN_ANSWER);
    assert.equal(answer(module, shared), KNOWN_ANSWER);
  }
});
