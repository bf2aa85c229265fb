import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { decodeMx, quantizeMxRow } from './mx.ts';
import { allocateMx, type MxRows } from './numerics.ts';
import { MX_FORMATS, type MxFormat } from './types.ts';

function quantized(format: MxFormat, values: number[], group = 32, search = false): MxRows {
  const row = new Float32Array(Math.ceil(values.length / group) * group);
  row.set(values);
  const out = allocateMx(format, 1, row.length);
  quantizeMxRow(row, group, out, 0, search);
  return out;
}

function elementsOf(format: MxFormat, values: number[]): number[] {
  return Array.from(quantized(format, values).elements).slice(0, values.length);
}

test('the scale puts the largest element into the top binade of the format', () => {
  for (const [format, exponent] of [
    ['mxint8', 2],
    ['mxfp4', 0],
    ['mxfp8', -6],
  ] as const) {
    assert.equal(quantized(format, [1, -5]).scales[0], exponent + 127, format);
  }
});

test('elements are rounded to nearest, ties to even, and saturated', () => {
  // Scale 2^0, so that mxint8 counts 64ths and mxfp4 halves.
  assert.deepEqual(
    elementsOf('mxint8', [1, 1.5 / 64, 2.5 / 64, -2.5 / 64, 1.999]),
    [64, 2, 2, -2, 127],
  );
  assert.deepEqual(elementsOf('mxfp4', [4, 0.25, 0.75, 5, 7, -2.5]), [8, 0, 2, 8, 12, -4]);
  assert.deepEqual(elementsOf('mxfp8', [256, 17, 19, 500]), [256, 16, 20, 448]);
});

test('zeros take the smallest scale, and scales stay within 2^±60', () => {
  assert.equal(quantized('mxint8', [0]).scales[0], 67);
  assert.equal(quantized('mxfp8', [1e-30]).scales[0], 67);
  assert.equal(quantized('mxint8', [1e30]).scales[0], 187);
});

test('a NaN or an infinity makes its group NaN and no other', () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const values = [1, bad, ...new Array<number>(30).fill(1), 1];
    const rows = quantized('mxint8', values);
    assert.deepEqual([...rows.scales], [255, 121 + 6]);
    assert.ok(rows.elements.slice(0, 32).every((element) => element === 0));
    assert.ok(decodeMx(rows, 0, 32).every(Number.isNaN));
    assert.equal(decodeMx(rows, 32, 1)[0], 1);
  }
});

test('a group of several blocks writes one scale for each of them', () => {
  const values = new Array<number>(64).fill(0.01);
  values[40] = 3;
  assert.deepEqual([...quantized('mxint8', values, 64).scales], [128, 128]);
  assert.deepEqual([...quantized('mxint8', values, 32).scales], [120, 128]);
});

test('the search keeps the exponent with the smaller squared error', () => {
  // 7 saturates to 6 under 2^0; under 2^1 it is 8, and the others lose nothing.
  const values = [7.9, 7.9, 4, 4];
  assert.equal(quantized('mxfp4', values).scales[0], 127);
  assert.equal(quantized('mxfp4', values, 32, true).scales[0], 128);
  assert.equal(quantized('mxfp4', [4, 1, 0.5], 32, true).scales[0], 127, 'exact already');
});

test('decoded values are within the largest error of the format, that of saturation', () => {
  const random = new Random(7);
  const largestError = { mxint8: 1 / 64, mxfp8: 1 / 8, mxfp4: 1 / 4 };
  for (const format of MX_FORMATS) {
    const values = Array.from({ length: 96 }, () => random.float() * 2 - 1);
    const decoded = decodeMx(quantized(format, values), 0, 96);
    for (const [i, value] of values.entries()) {
      assert.ok(Math.abs(decoded[i]! - value) <= largestError[format], `${format} ${value}`);
    }
  }
});
