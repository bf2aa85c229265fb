/** What chips and the cpu say of published models, from their configuration alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsupportedError } from '../src/base/index.ts';
import { loadChip } from '../src/chip/index.ts';
import { lowerGraph, requireSupport, type Target } from '../src/compile/index.ts';
import {
  buildGraph,
  catalogueModelNames,
  NO_WEIGHTS,
  readCatalogueModel,
} from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';

const CPU = cpuTarget();
const JADE = jadeTarget(loadChip('jade-server'), { contextTokens: 128 });

/** The ops that a target lacks for a model, each once; empty when it has all. */
function lacks(target: Target, model: string): string[] {
  const graph = buildGraph(readCatalogueModel(model).model, NO_WEIGHTS, { logits: 'last' });
  try {
    requireSupport(lowerGraph(graph, target), target);
    return [];
  } catch (error) {
    assert.ok(error instanceof UnsupportedError, `${String(error)}`);
    const [, list] = /it lacks (.*)/.exec(error.message)!;
    return list!.split('; ').map((reason) => /^\w+/.exec(reason)![0]);
  }
}

const V32 = ['layerNormalization', 'topRows', 'attention'];
const FLASH_NEXT = ['ngramRows', 'blockMeans', 'blockRows', 'topRows', 'dot', 'signedRoot'];
const V41 = ['fakeQuantize', 'ngramRows', 'nGramGate', 'topBlocks', 'topRows', 'compress'];
const V4 = ['windowAttention', 'hyperConnection', 'mixHeads', 'compress', 'topRows', 'route'];

test('jade runs every operator of DeepSeek-V2-Lite, V3 and R1', () => {
  for (const model of ['deepseek-v2-lite', 'deepseek-v3', 'deepseek-r1']) {
    assert.deepEqual(lacks(JADE, model), [], model);
  }
});

test('the cpu runs every operator of every published model', () => {
  for (const model of catalogueModelNames()) assert.deepEqual(lacks(CPU, model), [], model);
});

test('jade names the operators of Flash-Next that it lacks', () => {
  const ofFlashNext = new Set(lacks(JADE, 'qwen3.8-flash-next'));
  for (const op of [...FLASH_NEXT, 'causalConvolution', 'rotaryEmbedding']) {
    assert.ok(ofFlashNext.has(op), op);
  }
});

test('jade names the operators of DeepSeek-V4.1 that it lacks', () => {
  const ofV41 = new Set(lacks(JADE, 'deepseek-v4.1-flash'));
  for (const op of V41) assert.ok(ofV41.has(op), op);
});

test('jade names the operators of DeepSeek-V3.2 and V4 that it lacks', () => {
  assert.deepEqual(lacks(JADE, 'deepseek-v3.2').toSorted(), V32.toSorted());
  const ofV4 = new Set(lacks(JADE, 'deepseek-v4-flash'));
  for (const op of [...V4, 'routeByToken', 'swiglu', 'experts', 'append']) {
    assert.ok(ofV4.has(op), op);
  }
});
