/** Which weights are kept in panels, and how many bytes they take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Graph, Node, StoredFormat, WeightSource } from '../../ir/index.ts';
import { storageOf, weightBytes } from './weightStorage.ts';

function weightOf(format: StoredFormat, shape: readonly number[]): WeightSource {
  const stored = { format, rowBytes: 0, readBytes: () => new Uint8Array() };
  return { name: format, shape, load: () => new Float32Array(), stored };
}

/** A graph that reads the weight by nothing. */
function graphOf(weight: WeightSource): Graph {
  const outputs = new Map<string, Node>();
  return { name: 'g', outputs, states: outputs, weights: new Map([[weight.name, weight]]) };
}

function kept(format: StoredFormat, columns: number, activations?: 'f32'): string | undefined {
  return storageOf(graphOf(weightOf(format, [8, columns])), activations).get(format);
}

test('rows that are whole units of panels are kept in panels', () => {
  for (const [format, columns] of [
    ['BF16', 32],
    ['F16', 96],
    ['E4M3', 128],
    ['Q4_K', 256],
    ['Q4_0', 32],
  ] as const) {
    assert.equal(kept(format, columns), format);
    assert.equal(kept(format, columns + columns / 2), undefined, format);
  }
  assert.equal(kept('F32', 256), undefined);
});

test('for activations in f32 only floats are kept in panels', () => {
  assert.equal(kept('Q4_K', 256, 'f32'), undefined);
  assert.equal(kept('MXFP4', 256, 'f32'), undefined);
  assert.equal(kept('BF16', 256, 'f32'), 'BF16');
});

test('a weight takes the bytes of its format', () => {
  const elements = 64 * 1024;
  for (const [format, bits] of [
    ['BF16', 16],
    ['F16', 16],
    ['E4M3', 8.125],
    ['Q6_K', 6.5625],
    ['Q4_K', 4.625],
    ['Q2_K', 2.625],
  ] as const) {
    assert.equal(weightBytes(weightOf(format, [64, 1024]), format), (elements * bits) / 8, format);
  }
  assert.equal(weightBytes(weightOf('F32', [64, 1024]), undefined), 4 * elements);
});
