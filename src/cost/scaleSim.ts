/**
 * SCALE-Sim compatibility: stall-free cycles of a systolic array that runs one fold after another.
 *
 * A GEMM (M, N, K) on an array of R × C is cut into folds, and each fold runs alone: nothing of the next
 * one is loaded before the last output of this one has left. Partly filled folds cost as much as full ones.
 *
 *   dataflow            rows × columns of a fold   cycles of a fold                    folds
 *   weight stationary   K × N                      R (fill) + M + (R−1) + (C−1)        ⌈K/R⌉ · ⌈N/C⌉
 *   input stationary    K × M                      R (fill) + N + (R−1) + (C−1)        ⌈K/R⌉ · ⌈M/C⌉
 *   output stationary   M × N                      K + (R−1) + (C−1)                   ⌈M/R⌉ · ⌈N/C⌉
 *
 * SCALE-Sim reports the index of the last cycle, counted from 0: one less than the sum [1]. `systolic.ts`
 * runs the same folds processing element by processing element.
 *
 * [1] https://github.com/scalesim-project/SCALE-Sim, commit 1d62b68, "Compute cycles" of 15 runs: the
 *     points in `SCALE_SIM_POINTS` of scaleSim.test.ts.
 */

export const DATAFLOWS = ['ws', 'os', 'is'] as const;
/** Which operand stays in the array: weights, outputs or inputs. */
export type Dataflow = (typeof DATAFLOWS)[number];

/** Outputs are M × N, contracted over K. */
export interface GemmShape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

export interface ArrayShape {
  readonly rows: number;
  readonly columns: number;
}

/** How a GEMM lies on the array: the folds down and across, and what streams through each. */
export interface Folding {
  readonly down: number;
  readonly across: number;
  readonly streamed: number;
  /** Cycles before a fold's first operand enters: what fills the array with the stationary operand. */
  readonly fillCycles: number;
}

export function foldingOf(
  dataflow: Dataflow,
  { M, N, K }: GemmShape,
  { rows, columns }: ArrayShape,
): Folding {
  const [height, width, streamed] = { ws: [K, N, M], is: [K, M, N], os: [M, N, K] }[dataflow] as [
    number,
    number,
    number,
  ];
  return {
    down: Math.ceil(height / rows),
    across: Math.ceil(width / columns),
    streamed,
    fillCycles: dataflow === 'os' ? 0 : rows,
  };
}

/** SCALE-Sim's "Compute cycles" of a GEMM, by the closed formula. */
export function scaleSimCycles(dataflow: Dataflow, gemm: GemmShape, array: ArrayShape): number {
  const { down, across, streamed, fillCycles } = foldingOf(dataflow, gemm, array);
  const fold = fillCycles + streamed + (array.rows - 1) + (array.columns - 1);
  return fold * down * across - 1;
}
