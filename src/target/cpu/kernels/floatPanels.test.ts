/** Products on panels of floats have the bits of their definition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FLOAT_NAMES,
  floatAt,
  productOnFloats,
  randomFloats,
  unitOf,
} from '../../../../test/floatPanels.ts';
import { hostFuses, normal, Workbench } from '../../../../test/workbench.ts';
import { Random } from '../../../base/index.ts';
import { packPanels } from '../panels/packPanels.ts';
import { PANEL_FORMATS, type FloatFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import type { ByteProducts } from './byteProducts.ts';

const random = new Random(9);

function randomPanels(name: FloatFormatName, N: number, K: number): Uint8Array {
  const panels = new Uint8Array(panelBytes(name, N, K));
  packPanels(name, randomFloats(name, random, N, K), N, K, panels);
  return panels;
}

type Sizes = readonly [M: number, N: number, K: number];

function multiply(
  name: FloatFormatName,
  x: Float32Array,
  panels: Uint8Array,
  [M, N, K]: Sizes,
  products?: ByteProducts,
): Float32Array {
  const bench = new Workbench(products);
  const outStride = N + 3;
  const out = bench.room(M * outStride);
  const { code: format } = PANEL_FORMATS[name];
  const places = { x: bench.put(x), xStride: K, w: bench.put(panels), out: out.address, outStride };
  const before = bench.floats(out);
  bench.run('linearPanels', { ...places, M, N, K, format }, [out]);
  const found = bench.floats(out);
  const rows = Array.from({ length: M }, (_, m) => {
    const from = m * outStride;
    assert.deepEqual(found.slice(from + N, from + outStride), before.slice(0, 3));
    return [...found.subarray(from, from + N)];
  });
  return Float32Array.from(rows.flat());
}

test('products have the bits of their definition, for any number of rows', () => {
  const fused = hostFuses();
  for (const name of FLOAT_NAMES) {
    for (const [N, units] of [
      [1, 1],
      [33, 2],
      [70, 3],
    ] as const) {
      const K = units * unitOf(name);
      for (const M of [1, 2, 3, 4, 5, 6, 13]) {
        const [x, panels] = [normal(M * K), randomPanels(name, N, K)];
        const required = productOnFloats(name, x, panels, [M, N, K], fused);
        const label = `${name}, ${M} × ${N} × ${K}`;
        assert.deepEqual(multiply(name, x, panels, [M, N, K]), required, label);
      }
    }
  }
});

test('hosts without relaxed SIMD round products and sums', () => {
  for (const name of FLOAT_NAMES) {
    const [M, N, K] = [5, 40, unitOf(name)];
    const [x, panels] = [normal(M * K), randomPanels(name, N, K)];
    const required = productOnFloats(name, x, panels, [M, N, K], false);
    assert.deepEqual(multiply(name, x, panels, [M, N, K], 'none'), required, name);
  }
});

test('rows of tables are exactly what is stored', () => {
  for (const name of FLOAT_NAMES) {
    const [V, D] = [70, 2 * unitOf(name)];
    const panels = randomPanels(name, V, D);
    const tokens = Int32Array.of(0, 69, 15, 16, 31, 32, 64);
    const bench = new Workbench();
    const out = bench.room(tokens.length * D);
    const places = { tokens: bench.put(tokens), table: bench.put(panels), out: out.address };
    const { code: format } = PANEL_FORMATS[name];
    bench.run('embeddingPanels', { ...places, rows: tokens.length, D, format }, [out]);
    const required = Array.from(tokens).flatMap((n) =>
      Array.from({ length: D }, (_, k) => floatAt(name, panels, D, n, k)),
    );
    assert.deepEqual(bench.floats(out), Float32Array.from(required), name);
  }
});
