import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  product,
  randomActivations,
  randomWeights,
  type Activations,
  type PanelWeights,
} from '../../../../test/x86/panels.ts';
import { NativeWorkbench, skip } from '../../../../test/x86/workbench.ts';
import { Random } from '../../../base/index.ts';
import { Assembler, loadLibrary, type NativeLibrary } from '../../../x86/index.ts';
import { addLinearPanels } from './linearPanels.ts';
import { NIBBLES_4, PLAIN_4, PLAIN_8 } from './panelFormats.ts';

const random = new Random(5);

function openKernels(): { library: NativeLibrary; reason: false | string } {
  const assembler = new Assembler();
  addLinearPanels(assembler, PLAIN_8, PLAIN_8);
  addLinearPanels(assembler, NIBBLES_4, PLAIN_4);
  const library = loadLibrary(assembler);
  const reason = library.features.level === 'avx512' ? false : 'this processor has no AVX-512 VNNI';
  return { library, reason };
}

const { library, reason } = skip ? { library: undefined!, reason: skip } : openKernels();

function run(x: Activations, w: PanelWeights): Float32Array {
  const bench = new NativeWorkbench(library);
  const outStride = 4 * w.N;
  const out = bench.room(x.M * outStride);
  const cells = [bench.put(x.bytes), x.stride, bench.put(w.bytes), out, outStride];
  bench.run(`linearPanels${w.bits}`, [...cells, x.M, w.K / 32, w.N], [out]);
  return bench.floats(out);
}

test(
  'products have the bits of the definition, for any number of rows and columns',
  { skip: reason },
  () => {
    for (const bits of [8, 4] as const) {
      for (const M of [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 19]) {
        for (const [N, K] of [
          [1, 32],
          [33, 96],
          [48, 1056],
        ] as const) {
          const [x, w] = [randomActivations(random, M, K), randomWeights(random, bits, N, K)];
          assert.deepEqual(run(x, w), product(x, w), `${bits} bits, ${M} × ${N} × ${K}`);
        }
      }
    }
  },
);

test('a row has the same bits whatever rows are beside it', { skip: reason }, () => {
  for (const bits of [8, 4] as const) {
    const [M, N, K] = [300, 40, 2080];
    const [x, w] = [randomActivations(random, M, K), randomWeights(random, bits, N, K)];
    const together = run(x, w);
    for (const m of [0, 1, 5, 150, 299]) {
      const row = { ...x, M: 1, bytes: x.bytes.slice(m * x.stride, (m + 1) * x.stride) };
      assert.deepEqual(run(row, w), together.slice(m * N, (m + 1) * N));
    }
  }
});
