/**
 * Experts and tables in few bits on the cpu: with int8 activations nearly the logits of f32 activations, and the same bits
 * however the work is divided. (Emitters differ in f32, not in products on panels.)
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Random } from '../src/base/index.ts';
import { countElements, type Graph } from '../src/ir/index.ts';
import { buildGraph, NO_WEIGHTS, parseModelConfig } from '../src/model/index.ts';
import { FLOAT_NAMES } from './floatPanels.ts';
import { PANEL_NAMES } from './panels.ts';
import { bitsOf } from './session.ts';
import { floatGraph, logitsOf, quantizedGraph, relativeError } from './quantizeWeights.ts';

/** Whole blocks of any format. */
const WIDTH = 256;

/** A small model with experts, and random weights. */
function mixtureGraph(): Graph {
  const file = path.join(import.meta.dirname, 'golden/qwen3-moe/config.json');
  // All experts for each token: one that is chosen or not by a hair would hide all other differences.
  const widths = { hidden_size: WIDTH, moe_intermediate_size: WIDTH, num_experts_per_tok: 4 };
  const changes = { ...widths, num_hidden_layers: 1, num_local_experts: 4 };
  const config = parseModelConfig({ ...JSON.parse(fs.readFileSync(file, 'utf8')), ...changes });
  const graph = buildGraph(config, NO_WEIGHTS, { logits: 'last' });
  const random = new Random(4);
  const weights = [...graph.weights].map(([name, { shape }]) => {
    const isMatrix = shape.length > 1;
    const values = Float32Array.from({ length: countElements(shape) }, () =>
      isMatrix ? (random.float() - 0.5) / 4 : 1,
    );
    return [name, { name, shape, load: () => values }] as const;
  });
  return { ...graph, weights: new Map(weights) };
}

const mixture = mixtureGraph();

/** As for dense models, where it is twice what was measured. */
const TOLERANCE = 0.03;

for (const format of PANEL_NAMES) {
  test(`${format}: experts and tables in panels; threads and chunks change no bit`, () => {
    const graph = quantizedGraph(mixture, format);
    const whole = logitsOf(graph, { emitter: 'wasm' });
    const exact = logitsOf(graph, { activations: 'f32' });
    for (const found of [whole, logitsOf(graph, {})]) {
      const error = relativeError(found, exact);
      assert.ok(error > 1e-5 && error < TOLERANCE, `must be below ${TOLERANCE}, not ${error}`);
    }
    const threads = { emitter: 'wasm', threads: 2, workOfPart: 64 } as const;
    assert.deepEqual(bitsOf(logitsOf(graph, threads)), bitsOf(whole));
    assert.deepEqual(bitsOf(logitsOf(graph, { emitter: 'wasm' }, 5)), bitsOf(whole));
  });
}

for (const format of FLOAT_NAMES) {
  test(`${format}: experts and tables in panels give what they give in f32; threads and chunks change no bit`, () => {
    const graph = floatGraph(mixture, format);
    const decoded = [...graph.weights].map(([name, { shape, load }]) => {
      return [name, { name, shape, load }] as const;
    });
    const exact = logitsOf({ ...graph, weights: new Map(decoded) }, {});
    const whole = logitsOf(graph, { emitter: 'wasm' });
    for (const found of [whole, logitsOf(graph, {}), logitsOf(graph, { activations: 'f32' })])
      assert.ok(relativeError(found, exact) < 1e-5);
    assert.notDeepEqual(whole, logitsOf(mixture, { emitter: 'wasm' }));
    const threads = { emitter: 'wasm', threads: 2, workOfPart: 64 } as const;
    assert.deepEqual(bitsOf(logitsOf(graph, threads)), bitsOf(whole));
    assert.deepEqual(bitsOf(logitsOf(graph, { emitter: 'wasm' }, 5)), bitsOf(whole));
  });
}
