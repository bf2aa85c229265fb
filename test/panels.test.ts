import assert from 'node:assert/strict';
import { test } from 'node:test';
import { integerAt, PANEL_NAMES, randomStored, scaleAt } from './panels.ts';
import { FormatError, Random, UnsupportedError } from '../src/base/index.ts';
import { ggmlTypeOf } from '../src/model/checkpoint/gguf/ggmlTypes.table.ts';
import { packPanels } from '../src/target/cpu/panels/packPanels.ts';
import { panelBytes, PANEL_FORMATS } from '../src/target/cpu/panels/panelFormats.table.ts';

const random = new Random(3);

test('panels decode to what is stored, for any number of rows', () => {
  for (const name of PANEL_NAMES) {
    for (const [rows, columns] of [
      [1, 32],
      [31, 64],
      [32, 96],
      [77, 288],
    ] as const) {
      const stored = randomStored(name, random, rows, columns);
      const bytes = new Uint8Array(panelBytes(name, rows, columns));
      packPanels(name, stored, rows, columns, bytes);
      const required = new Float32Array(rows * columns);
      ggmlTypeOf(name).decode!(stored, required);
      const found = Float32Array.from(required, (_, i) => {
        const [n, k] = [Math.floor(i / columns), i % columns];
        return integerAt(name, bytes, columns, n, k) * scaleAt(name, bytes, columns, n, k);
      });
      assert.deepEqual(found.map(positiveZero), required.map(positiveZero), `${name} ${rows}`);
    }
  }
});

/** Zero times a negative scale. */
function positiveZero(value: number): number {
  return value + 0;
}

test('rows beyond the last have scale 0', () => {
  for (const name of PANEL_NAMES) {
    const bytes = new Uint8Array(panelBytes(name, 33, 32));
    packPanels(name, randomStored(name, random, 33, 32), 33, 32, bytes);
    for (let n = 33; n < 64; n++) assert.equal(scaleAt(name, bytes, 32, n, 0), 0);
  }
});

test('no size is added but that of the rows that fill the last panel', () => {
  for (const name of PANEL_NAMES) {
    const { bytes } = PANEL_FORMATS[name].stored;
    const perBlock = panelBytes(name, 32, 32) / 32;
    assert.ok(perBlock - bytes <= (name === 'MXFP4' ? 1 : 0), name);
    assert.equal(panelBytes(name, 33, 320), 2 * panelBytes(name, 32, 320));
  }
});

test('scales that are not numbers, or none of f16, are refused', () => {
  for (const [name, scale, kind] of [
    ['Q8_0', [0, 0x7c], FormatError],
    ['Q4_0', [1, 0xfe], FormatError],
    ['MXFP4', [144, 1], UnsupportedError],
    ['MXFP4', [103, 1], UnsupportedError],
  ] as const) {
    const stored = randomStored(name, random, 1, 32);
    stored.set(scale);
    assert.throws(() => packPanels(name, stored, 1, 32, new Uint8Array(2048)), kind);
  }
});

test('a block of zeros may have any exponent', () => {
  const out = new Uint8Array(panelBytes('MXFP4', 1, 32));
  packPanels('MXFP4', new Uint8Array(17).fill(0x80, 1), 1, 32, out);
  assert.equal(scaleAt('MXFP4', out, 32, 0, 0), 0);
});
