import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, PANEL_NAMES, randomStored, scaleAt, weightAt } from './panels.ts';
import {
  bf16ToF32,
  f16ToF32,
  F8E4M3_VALUES,
  FormatError,
  Random,
  UnsupportedError,
} from '../src/base/index.ts';
import { ggmlTypeOf } from '../src/model/checkpoint/gguf/ggmlTypes.table.ts';
import { FLOAT_NAMES, floatAt, randomFloats, unitOf } from './floatPanels.ts';
import { packPanels } from '../src/target/cpu/panels/packPanels.ts';
import {
  INTEGER_FORMATS,
  type FloatFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';
import { panelBytes } from '../src/target/cpu/panels/panelLayout.ts';

const random = new Random(3);

test('panels decode to what is stored, for any number of rows', () => {
  for (const name of PANEL_NAMES) {
    for (const [rows, units] of [
      [1, 1],
      [31, 2],
      [32, 1],
      [45, 3],
    ] as const) {
      const columns = columnsOf(name, units);
      const stored = randomStored(name, random, rows, columns);
      const bytes = new Uint8Array(panelBytes(name, rows, columns));
      packPanels(name, stored, rows, columns, bytes);
      const required = new Float32Array(rows * columns);
      ggmlTypeOf(name).decode!(stored, required);
      const found = Float32Array.from(required, (_, i) => {
        const [n, k] = [Math.floor(i / columns), i % columns];
        return weightAt(name, bytes, columns, n, k);
      });
      assert.deepEqual(found, required.map(positiveZero), `${name} ${rows}`);
    }
  }
});

/** Zero times a negative scale. */
function positiveZero(value: number): number {
  return value + 0;
}

test('floats in panels are what is stored', () => {
  for (const name of FLOAT_NAMES) {
    const [rows, columns] = [45, 2 * unitOf(name)];
    const stored = randomFloats(name, random, rows, columns);
    const bytes = new Uint8Array(panelBytes(name, rows, columns));
    packPanels(name, stored, rows, columns, bytes);
    const found = Float32Array.from({ length: rows * columns }, (_, i) =>
      floatAt(name, bytes, columns, Math.floor(i / columns), i % columns),
    );
    assert.deepEqual(found, storedValues(name, stored), name);
  }
});

function storedValues(name: FloatFormatName, stored: Uint8Array<ArrayBuffer>): Float32Array {
  if (name === 'BF16') return bf16ToF32(new Uint16Array(stored.buffer));
  if (name === 'F16') return f16ToF32(new Uint16Array(stored.buffer));
  const view = new DataView(stored.buffer);
  return Float32Array.from({ length: (stored.length / 36) * 32 }, (_, i) => {
    const at = 36 * Math.floor(i / 32);
    return F8E4M3_VALUES[stored[at + 4 + (i % 32)]!]! * view.getFloat32(at, true);
  });
}

test('rows of FP8 whose scales differ, or are too large, are refused, and what is not finite', () => {
  const [columns, rows] = [128, 2];
  const pack = (change: (stored: Uint8Array) => void, name: FloatFormatName = 'E4M3'): void => {
    const stored = randomFloats(name, random, rows, columns);
    change(stored);
    packPanels(name, stored, rows, columns, new Uint8Array(panelBytes(name, rows, columns)));
  };
  pack(() => {});
  assert.throws(() => pack((stored) => (stored[36 * 4] = ~stored[36 * 4]!)), UnsupportedError);
  assert.throws(() => pack((stored) => (stored[3] = 0x44)), UnsupportedError);
  assert.throws(() => pack((stored) => (stored[4] = 0xff)), FormatError);
  assert.throws(() => pack((stored) => stored.set([0x80, 0x7f]), 'BF16'), FormatError);
  assert.throws(() => pack((stored) => stored.set([0, 0x7c]), 'F16'), FormatError);
});

test('rows beyond the last have scale 0', () => {
  for (const name of PANEL_NAMES) {
    const columns = columnsOf(name, 1);
    const bytes = new Uint8Array(panelBytes(name, 33, columns));
    packPanels(name, randomStored(name, random, 33, columns), 33, columns, bytes);
    for (let n = 33; n < 64; n++) assert.equal(scaleAt(name, bytes, columns, n, 0), 0);
  }
});

test('panels are as wide as what is stored, to 4 % where small integers become bytes', () => {
  for (const name of PANEL_NAMES) {
    const { columns, bytes } = INTEGER_FORMATS[name].stored;
    const ratio = panelBytes(name, 32, 2560) / ((32 * 2560 * bytes) / columns);
    const most = name === 'MXFP4' ? 1.06 : /Q[345]_K/.test(name) ? 1.04 : 1;
    assert.ok(ratio >= 1 && ratio <= most, `${name}: ${ratio}`);
    assert.equal(panelBytes(name, 33, 2560), 2 * panelBytes(name, 32, 2560));
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
