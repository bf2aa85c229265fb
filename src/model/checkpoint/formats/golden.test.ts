/** Quantised matrices of scripts/golden/formats.py, read as their makers' code reads them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { memorySource } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import { createCheckpoint } from '../checkpoint.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { parseGeneration } from '../generation.ts';
import { readSafetensorsHeader } from '../safetensors.ts';

const FOLDER = path.join(import.meta.dirname, '../../../../test/formats');
const CASES = JSON.parse(fs.readFileSync(path.join(FOLDER, 'cases.json'), 'utf8')) as Record<
  string,
  JsonRecord
>;

/** compressed-tensors divides the scale by the number of the matrix first, and so rounds twice. */
const ROUNDED_TWICE = ['nvfp4'];

function open(name: string, quantization: JsonRecord): Checkpoint {
  const bytes = fs.readFileSync(path.join(FOLDER, `${name}.safetensors`));
  return createCheckpoint({
    folder: name,
    config: { quantization_config: quantization },
    generation: parseGeneration({}, {}, 'generation_config.json'),
    tensors: readSafetensorsHeader(memorySource(name, bytes)),
  });
}

for (const [name, quantization] of Object.entries(CASES)) {
  const checkpoint = open(name, quantization);
  const { shape } = checkpoint.info('expected');
  const expected = checkpoint.readF32('expected');
  const [rows, width] = shape as [number, number];

  test(`${name}: the values are those of the format's own code`, () => {
    const found = checkpoint.readF32('w.weight', shape);
    if (!ROUNDED_TWICE.includes(name)) assert.deepEqual(found, expected);
    for (const [i, value] of found.entries()) {
      assert.ok(Math.abs(value - expected[i]!) <= Math.abs(expected[i]!) * 2 ** -23, `${i}`);
    }
    assert.ok(checkpoint.storedNames('w.weight').length > 1);
  });

  test(`${name}: any rows are those of the whole`, () => {
    const whole = checkpoint.readF32('w.weight');
    for (let start = 0; start <= rows; start += 3) {
      for (const count of [0, 1, 7, rows - start]) {
        if (start + count > rows) continue;
        const found = checkpoint.readRows('w.weight', start, count);
        assert.deepEqual(found, whole.slice(start * width, (start + count) * width));
      }
    }
  });
}
