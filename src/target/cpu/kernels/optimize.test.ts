/** Code that is compiled with V8's flags computes what all code does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileModule, instantiate } from '../../../wasm/index.ts';
import { type PanelFormatName } from '../panels/panelFormats.table.ts';
import { type Kernels } from './bind.ts';
import { byteProductsOfHost } from './byteProducts.ts';
import { compiledKernels, createKernelMemory, emitKernels } from './kernelModule.ts';
import { answerOf, ANSWERS, knowsAnswers } from './knownAnswer.ts';
import { compileOptimized } from './optimize.ts';

const NAMES = Object.keys(ANSWERS) as (keyof typeof ANSWERS)[];

function answers(module: object, shared = false): Record<string, number> {
  const memory = createKernelMemory(shared);
  const kernels = instantiate<Kernels>(module, { host: { memory } });
  return Object.fromEntries(NAMES.map((name) => [name, answerOf(kernels, memory, name)]));
}

test('every module gives the known answers: change them there when numbers are meant to change', () => {
  for (const products of ['none', 'sevenBits', byteProductsOfHost()] as const) {
    const module = compileModule(emitKernels({ products, formats: NAMES }));
    assert.deepEqual(answers(module), ANSWERS, products);
  }
});

test('all kernels for hosts of both kinds compile to optimized code that gives them too', () => {
  for (const products of ['sevenBits', byteProductsOfHost()] as const) {
    const module = compileOptimized(emitKernels({ products }), true);
    assert.deepEqual(answers(module), ANSWERS, products);
  }
  compileOptimized(emitKernels({ products: 'eightBits', shared: true }), true);
});

test('so do optimized modules, on memories of one thread and of several', () => {
  for (const shared of [false, true]) {
    const { module, optimized } = compiledKernels(shared, NAMES);
    assert.deepEqual(answers(optimized, shared), ANSWERS);
    assert.deepEqual(answers(module, shared), ANSWERS);
  }
});

test('kernels that compute something else are found', () => {
  const memory = createKernelMemory();
  const kernels = instantiate<Kernels>(compiledKernels(false, NAMES).module, { host: { memory } });
  const wrong: Kernels = { ...kernels, linearPanels: () => {} };
  for (const name of NAMES) {
    assert.ok(!knowsAnswers(wrong, memory, [name]), name);
    assert.ok(knowsAnswers(kernels, memory, [name, 'Q2_K' as PanelFormatName]), name);
  }
});
