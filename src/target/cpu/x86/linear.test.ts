import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertClose, normal } from '../../../../test/workbench.ts';
import { wideKernels } from '../../../../test/x86/levels.ts';
import { NativeWorkbench } from '../../../../test/x86/workbench.ts';
import { floatNumerics } from '../../../ir/index.ts';
import { addLinear } from './linear.ts';

const [library, reason] = wideKernels(addLinear);

function run(x: Float32Array, w: Float32Array, M: number, N: number, K: number): Float32Array {
  const bench = new NativeWorkbench(library, 2 ** 19);
  const out = bench.room(M * N * 4);
  const cells = [bench.put(x), 4 * K, bench.put(w), 4 * K, out, 4 * N, M, N, K];
  bench.run('linear', cells, [out]);
  return bench.floats(out);
}

test('linear multiplies matrices of any size', { skip: reason }, () => {
  for (const M of [1, 2, 3, 5, 6, 7, 13]) {
    for (const [N, K] of [
      [1, 1],
      [4, 16],
      [5, 33],
      [11, 100],
    ] as const) {
      const [x, w, required] = [normal(M * K), normal(N * K), new Float32Array(M * N)];
      floatNumerics.linear(x, w, M, N, K, required);
      assertClose(run(x, w, M, N, K), required, 2e-6);
    }
  }
});

test('a row has the same bits whatever rows are beside it', { skip: reason }, () => {
  const [M, N, K] = [14, 13, 83];
  const [x, w] = [normal(M * K), normal(N * K)];
  const together = run(x, w, M, N, K);
  for (let m = 0; m < M; m++) {
    const alone = run(x.slice(m * K, (m + 1) * K), w, 1, N, K);
    assert.deepEqual(alone, together.slice(m * N, (m + 1) * N));
  }
});
