import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  columnsOf,
  PANEL_NAMES,
  productOnPanels,
  quantizedRows,
  randomStored,
  type QuantizedRows,
} from '../../../../test/panels.ts';
import { normal } from '../../../../test/workbench.ts';
import { kernelsByLevel } from '../../../../test/x86/levels.ts';
import { NativeWorkbench } from '../../../../test/x86/workbench.ts';
import { Random } from '../../../base/index.ts';
import type { NativeLibrary } from '../../../x86/index.ts';
import { ACTIVATION_BLOCK } from '../kernels/quantizeRows.ts';
import { packPanels } from '../panels/packPanels.ts';
import { BLOCK_COLUMNS, type IntegerFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { addLinearPanels, linearPanelsName } from './linearPanels.ts';

const random = new Random(5);

const [KERNELS, reason] = kernelsByLevel((assembler) => {
  for (const name of PANEL_NAMES) addLinearPanels(assembler, name);
});

function randomPanels(name: IntegerFormatName, N: number, K: number): Uint8Array {
  const panels = new Uint8Array(panelBytes(name, N, K));
  packPanels(name, randomStored(name, random, N, K), N, K, panels);
  return panels;
}

/** To whole units. */
function roundedUp(name: IntegerFormatName, columns: number): number {
  const unit = columnsOf(name, 1);
  return Math.ceil(columns / unit) * unit;
}

/** Activations, with a block of the largest among them. */
function randomRows(M: number, K: number): QuantizedRows {
  return quantizedRows(normal(M * K).fill(3, 0, BLOCK_COLUMNS));
}

/** As quantizeRows lays them out. */
function blocksOf({ integers, scales }: QuantizedRows): Uint8Array {
  const bytes = new Uint8Array(scales.length * ACTIVATION_BLOCK.bytes);
  const view = new DataView(bytes.buffer);
  for (const [i, scale] of scales.entries()) {
    const at = i * ACTIVATION_BLOCK.bytes;
    const block = integers.subarray(i * BLOCK_COLUMNS, (i + 1) * BLOCK_COLUMNS);
    new Int8Array(bytes.buffer).set(block, at);
    view.setFloat32(at + ACTIVATION_BLOCK.scaleAt, scale, true);
    const sum = (from: number, to: number): number =>
      -128 * block.subarray(from, to).reduce((a, b) => a + b, 0);
    view.setInt32(at + ACTIVATION_BLOCK.sumAt, sum(0, 32), true);
    view.setInt32(at + ACTIVATION_BLOCK.halfSumsAt[0], sum(0, 16), true);
    view.setInt32(at + ACTIVATION_BLOCK.halfSumsAt[1], sum(16, 32), true);
  }
  return bytes;
}

function run(
  library: NativeLibrary,
  name: IntegerFormatName,
  x: QuantizedRows,
  w: Uint8Array,
  [M, N, K]: readonly [number, number, number],
): Float32Array {
  const bench = new NativeWorkbench(library, 2 ** 20);
  const out = bench.room(M * N * 4);
  const xStride = (K / BLOCK_COLUMNS) * ACTIVATION_BLOCK.bytes;
  const cells = [bench.put(blocksOf(x)), xStride, bench.put(w), out, 4 * N];
  bench.run(linearPanelsName(name), [...cells, M, K / BLOCK_COLUMNS, N], [out]);
  return bench.floats(out);
}

test(
  'products have the bits of the definition, for any number of rows and columns',
  { skip: reason },
  () => {
    for (const name of PANEL_NAMES) {
      for (const M of [1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 19]) {
        for (const [N, units] of [
          [1, 1],
          [33, 3],
        ] as const) {
          const K = columnsOf(name, units);
          const [x, w] = [randomRows(M, K), randomPanels(name, N, K)];
          const required = productOnPanels(name, x, w, [M, N, K], true);
          for (const { level, library } of KERNELS) {
            const given = run(library, name, x, w, [M, N, K]);
            assert.deepEqual(given, required, `${level}: ${name}, ${M} × ${N} × ${K}`);
          }
        }
      }
    }
  },
);

test('long rows have the bits of the definition too, piece after piece', { skip: reason }, () => {
  const N = 5;
  for (const name of PANEL_NAMES) {
    const K = roundedUp(name, 2080);
    const w = randomPanels(name, N, K);
    for (const M of [1, 7]) {
      const x = randomRows(M, K);
      const required = productOnPanels(name, x, w, [M, N, K], true);
      for (const { level, library } of KERNELS) {
        assert.deepEqual(run(library, name, x, w, [M, N, K]), required, `${level}: ${name}`);
      }
    }
  }
});

test('a row has the same bits whatever rows are beside it', { skip: reason }, () => {
  const [M, N] = [100, 40];
  for (const name of PANEL_NAMES) {
    const K = roundedUp(name, 1056);
    const [x, w] = [randomRows(M, K), randomPanels(name, N, K)];
    for (const { library } of KERNELS) {
      const together = run(library, name, x, w, [M, N, K]);
      for (const m of [0, 5, 99]) {
        const row = {
          integers: x.integers.slice(m * K, (m + 1) * K),
          scales: x.scales.slice((m * K) / BLOCK_COLUMNS, ((m + 1) * K) / BLOCK_COLUMNS),
        };
        assert.deepEqual(run(library, name, row, w, [1, N, K]), together.slice(m * N, (m + 1) * N));
      }
    }
  }
});
