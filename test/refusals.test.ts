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

/** What Jade has no lowering for, in models that it does not run yet. */
const LACKS: Readonly<Record<string, readonly string[]>> = {
  'qwen3.8-flash-next': ['blockMeans', 'blockRows', 'rotaryEmbedding', 'topRows'],
  'deepseek-v4.1-flash': ['fakeQuantize', 'topBlocks', 'compress', 'windowAttention'],
  'deepseek-v4-flash': ['windowAttention', 'compress', 'append'],
};

test('jade runs every operator of DeepSeek up to V3.2', () => {
  for (const model of ['deepseek-v2-lite', 'deepseek-v3', 'deepseek-r1', 'deepseek-v3.2']) {
    assert.deepEqual(lacks(JADE, model), [], model);
  }
});

test('the cpu runs every operator of every published model', () => {
  for (const model of catalogueModelNames()) assert.deepEqual(lacks(CPU, model), [], model);
});

for (const [model, operators] of Object.entries(LACKS)) {
  test(`jade names the operators of ${model} that it lacks`, () => {
    const found = new Set(lacks(JADE, model));
    for (const op of operators) assert.ok(found.has(op), op);
  });
}
