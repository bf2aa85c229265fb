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

/** Of residual streams, memory by n-gram, choices of experts, recurrences and norms. */
const LOWERED = [
  'causalConvolution',
  'gatedDelta',
  'layerNormalization',
  'l2Normalization',
  'hyperConnection',
  'mixHeads',
  'dot',
  'signedRoot',
  'nGramGate',
  'ngramRows',
  'embedding',
  'route',
  'routeByToken',
  'experts',
  'swiglu',
];

test('jade runs every operator of DeepSeek up to V3.2', () => {
  for (const model of ['deepseek-v2-lite', 'deepseek-v3', 'deepseek-r1', 'deepseek-v3.2']) {
    assert.deepEqual(lacks(JADE, model), [], model);
  }
});

test('the cpu runs every operator of every published model', () => {
  for (const model of catalogueModelNames()) assert.deepEqual(lacks(CPU, model), [], model);
});

test('jade names the operators that it lacks for the others, and lacks none of recurrences and streams', () => {
  for (const model of catalogueModelNames()) {
    const named = lacks(JADE, model);
    for (const op of LOWERED) assert.ok(!named.includes(op), `${model}: ${op}`);
  }
});
