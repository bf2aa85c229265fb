import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATAFLOWS, scaleSimCycles, type Dataflow, type GemmShape } from './scaleSim.ts';
import { runSystolic } from './systolic.ts';

const ARRAY = { rows: 32, columns: 32 };

/** Compute cycles that SCALE-Sim v3 (commit 1d62b68) reports on 32 × 32; run by us, traces off. */
const SCALE_SIM_POINTS: readonly (readonly [number, number, number, number, number, number])[] = [
  [256, 256, 256, 22399, 20351, 22399],
  [1, 64, 64, 379, 251, 315],
  [5, 70, 100, 1187, 485, 655],
  [33, 31, 65, 380, 253, 749],
  [128, 64, 32, 443, 751, 631],
];
const WEIGHT_STATIONARY_POINTS: readonly (readonly [number, number, number, number])[] = [
  [1, 4096, 1024, 389119],
  [128, 4096, 1024, 909311],
  [1, 1024, 2048, 194559],
  [1, 6144, 1024, 583679],
  [1, 1024, 3072, 291839],
];

function eachPoint(check: (dataflow: Dataflow, gemm: GemmShape, cycles: number) => void): void {
  for (const [M, N, K, ...cycles] of SCALE_SIM_POINTS) {
    DATAFLOWS.forEach((dataflow, i) => check(dataflow, { M, N, K }, cycles[i]!));
  }
}

test('the closed formulas give the cycles SCALE-Sim v3 measured', () => {
  eachPoint((dataflow, gemm, cycles) =>
    assert.equal(scaleSimCycles(dataflow, gemm, ARRAY), cycles),
  );
  for (const [M, N, K, cycles] of WEIGHT_STATIONARY_POINTS)
    assert.equal(scaleSimCycles('ws', { M, N, K }, ARRAY), cycles);
});

/** Small whole numbers, so that sums are exact in any order. */
function operand(rows: number, columns: number, seed: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, i) => ((i * 7 + seed) % 13) - 6);
}

function multiply({ M, N, K }: GemmShape, a: Float64Array, w: Float64Array): Float64Array {
  const product = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) product[m * N + n]! += a[m * K + k]! * w[n * K + k]!;
    }
  }
  return product;
}

test('the array run element by element takes those cycles, and its product is right', () => {
  eachPoint((dataflow, gemm, cycles) => {
    const [a, w] = [operand(gemm.M, gemm.K, 1), operand(gemm.N, gemm.K, 5)];
    const run = runSystolic(dataflow, gemm, ARRAY, a, w);
    assert.equal(run.cycles, cycles, `${dataflow} ${JSON.stringify(gemm)}`);
    assert.deepEqual(run.product, multiply(gemm, a, w));
  });
});

test('an array that is not square folds by its own rows and columns', () => {
  const gemm = { M: 7, N: 19, K: 21 };
  const array = { rows: 4, columns: 8 };
  const [a, w] = [operand(7, 21, 2), operand(19, 21, 3)];
  for (const dataflow of DATAFLOWS) {
    const run = runSystolic(dataflow, gemm, array, a, w);
    assert.equal(run.cycles, scaleSimCycles(dataflow, gemm, array));
    assert.deepEqual(run.product, multiply(gemm, a, w));
  }
});
