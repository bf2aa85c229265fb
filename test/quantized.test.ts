/**
 * Weights in few bits on the cpu: with f32 activations the logits of the decoded weights, with int8 activations
 * nearly those, and the same bits however the work is divided. (Emitters differ in f32, not in products on panels.)
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { type Graph } from '../src/ir/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget, type CpuOptions } from '../src/target/cpu/index.ts';
import { PANEL_NAMES } from './panels.ts';
import { quantizedGraph } from './quantizeWeights.ts';
import { bitsOf, Session } from './session.ts';

const TOKENS = Array.from({ length: 19 }, (_, i) => (i * i * 7 + 3 * i + 5) % 60);

function logitsOf(graph: Graph, options: CpuOptions, size = TOKENS.length): Float32Array {
  const session = new Session(cpuTarget(options), graph);
  const logits = Float32Array.from(session.feed(TOKENS, size));
  session.device.close();
  return logits;
}

/** The root of the mean squared difference, relative to that of `required`. */
function relativeError(found: Float32Array, required: Float32Array): number {
  const squares = (values: Float32Array): number => values.reduce((sum, x) => sum + x * x, 0);
  return Math.sqrt(squares(found.map((x, i) => x - required[i]!)) / squares(required));
}

const [dense, mixture] = ['../models/qwen3-tiny', 'golden/qwen3-moe'].map((folder) =>
  loadModel(path.join(import.meta.dirname, folder)).graph({ logits: 'last' }),
) as [Graph, Graph];

/** Measured: 0.011 to 0.016. */
const TOLERANCE = 0.03;

for (const format of PANEL_NAMES) {
  test(`${format}: int8 activations leave the logits of a dense model within ${TOLERANCE}`, () => {
    const graph = quantizedGraph(dense, format);
    const [found, exact] = [logitsOf(graph, {}), logitsOf(graph, { activations: 'f32' })];
    const error = relativeError(found, exact);
    assert.ok(error > 0 && error < TOLERANCE, `must be below ${TOLERANCE}, not ${error}`);
  });

  test(`${format}: experts and tables in panels; threads and chunks change no bit`, () => {
    const graph = quantizedGraph(mixture, format);
    const whole = logitsOf(graph, { emitter: 'wasm' });
    const exact = logitsOf(graph, { activations: 'f32' });
    for (const found of [whole, logitsOf(graph, {})]) assert.ok(relativeError(found, exact) < 0.05);
    const threads = { emitter: 'wasm', threads: 2, workOfPart: 64 } as const;
    assert.deepEqual(bitsOf(logitsOf(graph, threads)), bitsOf(whole));
    assert.deepEqual(bitsOf(logitsOf(graph, { emitter: 'wasm' }, 5)), bitsOf(whole));
  });
}
