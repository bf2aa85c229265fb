import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FLOAT_NAMES,
  productOnFloats,
  randomFloats,
  unitOf,
} from '../../../../test/floatPanels.ts';
import { normal } from '../../../../test/workbench.ts';
import { kernelsByLevel } from '../../../../test/x86/levels.ts';
import { NativeWorkbench } from '../../../../test/x86/workbench.ts';
import { Random } from '../../../base/index.ts';
import type { NativeLibrary } from '../../../x86/index.ts';
import { packPanels } from '../panels/packPanels.ts';
import { BLOCK_COLUMNS, type FloatFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { addLinearPanels, linearPanelsName } from './linearPanels.ts';

const random = new Random(5);

const [KERNELS, reason] = kernelsByLevel((assembler) => {
  for (const name of FLOAT_NAMES) addLinearPanels(assembler, name);
});

function randomPanels(name: FloatFormatName, N: number, K: number): Uint8Array {
  const panels = new Uint8Array(panelBytes(name, N, K));
  packPanels(name, randomFloats(name, random, N, K), N, K, panels);
  return panels;
}

function run(
  library: NativeLibrary,
  name: FloatFormatName,
  x: Float32Array,
  w: Uint8Array,
  [M, N, K]: readonly [number, number, number],
): Float32Array {
  const bench = new NativeWorkbench(library, 2 ** 21);
  const out = bench.room(M * N * 4);
  const rows = bench.put(new Uint8Array(x.buffer));
  const cells = [rows, 4 * K, bench.put(w), out, 4 * N];
  bench.run(linearPanelsName(name), [...cells, M, K / BLOCK_COLUMNS, N], [out]);
  return bench.floats(out);
}

test(
  'products have the bits of the definition, for any number of rows and columns',
  { skip: reason },
  () => {
    for (const name of FLOAT_NAMES) {
      for (const M of [1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 19]) {
        for (const [N, units] of [
          [1, 1],
          [33, 3],
        ] as const) {
          const K = units * unitOf(name);
          const [x, w] = [normal(M * K), randomPanels(name, N, K)];
          const required = productOnFloats(name, x, w, [M, N, K], true);
          for (const { level, library } of KERNELS) {
            const given = run(library, name, x, w, [M, N, K]);
            assert.deepEqual(given, required, `${level}: ${name}, ${M} × ${N} × ${K}`);
          }
        }
      }
    }
  },
);

test(
  'a row has the same bits whatever rows are beside it, in long rows too',
  { skip: reason },
  () => {
    const [M, N] = [40, 40];
    for (const name of FLOAT_NAMES) {
      const K = 9 * 128;
      const [x, w] = [normal(M * K), randomPanels(name, N, K)];
      for (const { library } of KERNELS) {
        const together = run(library, name, x, w, [M, N, K]);
        for (const m of [0, 5, 39]) {
          const row = x.slice(m * K, (m + 1) * K);
          assert.deepEqual(
            run(library, name, row, w, [1, N, K]),
            together.slice(m * N, (m + 1) * N),
          );
        }
      }
    }
  },
);
