/** A dense model with weights in few bits: with int8 activations nearly the logits of f32 activations. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { loadModel } from '../src/model/index.ts';
import { PANEL_NAMES } from './panels.ts';
import { logitsOf, quantizedGraph, relativeError } from './quantizeWeights.ts';

const dense = loadModel(path.join(import.meta.dirname, '../models/qwen3-tiny')).graph({
  logits: 'last',
});

/** Measured: 0.007 to 0.016. */
const TOLERANCE = 0.03;

for (const format of PANEL_NAMES) {
  test(`${format}: int8 activations leave the logits of a dense model within ${TOLERANCE}`, () => {
    const graph = quantizedGraph(dense, format);
    const [found, exact] = [logitsOf(graph, {}), logitsOf(graph, { activations: 'f32' })];
    const error = relativeError(found, exact);
    assert.ok(error > 0 && error < TOLERANCE, `must be below ${TOLERANCE}, not ${error}`);
  });
}
