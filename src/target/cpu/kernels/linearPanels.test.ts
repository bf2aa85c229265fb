/** Products on panels have the bits of their definition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  columnsOf,
  PANEL_NAMES,
  productOnPanels,
  quantizedRows,
  randomStored,
  weightAt,
} from '../../../../test/panels.ts';
import { hostFuses, normal, Workbench, type Region } from '../../../../test/workbench.ts';
import { Random } from '../../../base/index.ts';
import { packPanels } from '../panels/packPanels.ts';
import { PANEL_FORMATS, type IntegerFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import type { ByteProducts } from './byteProducts.ts';
import { ACTIVATION_BLOCK, quantizedStride } from './quantizeRows.ts';

const random = new Random(9);

/** Runs quantizeRows; the region of its rows. */
function quantize(bench: Workbench, x: Float32Array, rows: number, K: number): Region {
  const region = bench.room((rows * K * ACTIVATION_BLOCK.bytes) / 32 / 4);
  const places = { x: bench.put(x), xStride: K, out: region.address };
  bench.run('quantizeRows', { ...places, rows, K }, [region]);
  return region;
}

test('activations have the bits of their definition, from zeros to huge ones', () => {
  const [rows, K] = [7, 96];
  for (const factor of [0, 1e-38, 1e-20, 1, 1e37]) {
    const x = normal(rows * K).map((value) => value * factor);
    x.fill(0, 0, 32);
    for (let i = 32; i < 64; i++) x[i] = ((i - 48.5) / 127) * factor; // halves
    const bench = new Workbench();
    const region = quantize(bench, x, rows, K);
    const bytes = new Uint8Array(bench.floats(region).buffer);
    const view = new DataView(bytes.buffer);
    const { integers, scales } = quantizedRows(x);
    for (const [block, scale] of scales.entries()) {
      const at = block * ACTIVATION_BLOCK.bytes;
      const own = integers.subarray(32 * block, 32 * block + 32);
      assert.deepEqual(new Int8Array(bytes.buffer, at, 32), own);
      assert.equal(view.getFloat32(at + ACTIVATION_BLOCK.scaleAt, true), scale);
      const sum = own.reduce((total, value) => total + value, 0);
      assert.equal(view.getInt32(at + ACTIVATION_BLOCK.sumAt, true), -128 * sum + 0);
      for (const half of [0, 1] as const) {
        const part = own.subarray(16 * half, 16 * half + 16).reduce((a, b) => a + b, 0);
        const found = view.getInt32(at + ACTIVATION_BLOCK.halfSumsAt[half], true);
        assert.equal(found, -128 * part + 0);
      }
    }
  }
});

function multiply(
  name: IntegerFormatName,
  [M, N, K]: readonly [number, number, number],
  products?: ByteProducts,
): void {
  const x = normal(M * K);
  const stored = randomStored(name, random, N, K);
  const panels = new Uint8Array(panelBytes(name, N, K));
  packPanels(name, stored, N, K, panels);
  const bench = new Workbench(products);
  const rows = quantize(bench, x, M, K);
  const outStride = N + 3;
  const out = bench.room(M * outStride);
  const { code: format } = PANEL_FORMATS[name];
  const activations = { x: rows.address, xStride: quantizedStride(K) };
  const places = { ...activations, w: bench.put(panels), out: out.address, outStride };
  const before = bench.floats(out);
  bench.run('linearPanels', { ...places, M, N, K, format }, [out]);
  const fused = products !== 'none' && hostFuses();
  const required = productOnPanels(name, quantizedRows(x), panels, [M, N, K], fused);
  const found = bench.floats(out);
  for (let m = 0; m < M; m++) {
    const from = m * outStride;
    const label = `${name}, row ${m} of ${M} × ${N} × ${K}`;
    assert.deepEqual(found.slice(from, from + N), required.slice(m * N, (m + 1) * N), label);
    assert.deepEqual(found.slice(from + N, from + outStride), before.slice(0, 3));
  }
}

test('products have the bits of their definition, for any number of rows', () => {
  for (const name of PANEL_NAMES) {
    for (const [N, units] of [
      [1, 1],
      [33, 2],
      [70, 2],
    ] as const) {
      const K = columnsOf(name, units);
      for (const M of K > 500 ? [1, 13] : [1, 2, 3, 4, 5, 6, 7]) multiply(name, [M, N, K]);
    }
  }
});

test('hosts with less of relaxed SIMD have the bits of their definition too', () => {
  for (const products of ['none', 'sevenBits'] as const) {
    for (const name of PANEL_NAMES) {
      for (const M of [1, 2, 4, 5, 6, 13]) multiply(name, [M, 40, columnsOf(name, 1)], products);
    }
  }
});

test('rows of tables in panels are exactly what is stored', () => {
  for (const name of PANEL_NAMES) {
    const [V, D] = [70, columnsOf(name, 2)];
    const stored = randomStored(name, random, V, D);
    const panels = new Uint8Array(panelBytes(name, V, D));
    packPanels(name, stored, V, D, panels);
    const tokens = Int32Array.of(0, 69, 15, 16, 31, 32, 64);
    const bench = new Workbench();
    const out = bench.room(tokens.length * D);
    const places = { tokens: bench.put(tokens), table: bench.put(panels), out: out.address };
    const { code: format } = PANEL_FORMATS[name];
    bench.run('embeddingPanels', { ...places, rows: tokens.length, D, format }, [out]);
    const required = Array.from(tokens).flatMap((n) =>
      Array.from({ length: D }, (_, k) => weightAt(name, panels, D, n, k)),
    );
    assert.deepEqual(
      Array.from(bench.floats(out), (value) => value + 0),
      required,
    );
  }
});
