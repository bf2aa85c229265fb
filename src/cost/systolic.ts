/**
 * A systolic array, processing element by processing element and cycle by cycle, with values: SCALE-Sim's
 * machine run instead of counted.
 *
 *   weight stationary: row r holds weights k = r, column c holds outputs n = c. Activations enter row r
 *   r cycles late and move right; partial sums move down and leave below the last row.
 *
 *        a[m][0] →  w00 w01 …          output stationary: activations move right, weights move down,
 *        a[m][1] →  w10 w11 …          each element keeps its own sum.
 *                    ↓   ↓  sums
 *
 * Input stationary is weight stationary on the transposed product. Sums over folds along k are added
 * outside of the array. An output-stationary fold ends with its last multiply: sums are read out while
 * the next fold runs.
 */
import type { ArrayShape, Dataflow, GemmShape } from './scaleSim.ts';

export interface SystolicRun {
  /** Index of the last cycle, counted from 0, as SCALE-Sim reports it. */
  readonly cycles: number;
  /** The product, M × N. */
  readonly product: Float64Array;
}

/** Element (i, j) of an operand. */
type Matrix = (i: number, j: number) => number;
/** Adds a value to element (i, j) of the product. */
type Collect = (i: number, j: number, value: number) => void;

/** Runs the product of a (M × K) and w (N × K), both row-major, fold after fold. */
export function runSystolic(
  dataflow: Dataflow,
  { M, N, K }: GemmShape,
  array: ArrayShape,
  a: Float64Array,
  w: Float64Array,
): SystolicRun {
  const product = new Float64Array(M * N);
  const activation: Matrix = (m, k) => (m < M && k < K ? a[m * K + k]! : 0);
  const weight: Matrix = (n, k) => (n < N && k < K ? w[n * K + k]! : 0);
  const collect: Collect = (m, n, value) => {
    if (m < M && n < N) product[m * N + n]! += value;
  };
  const transposed: Collect = (n, m, value) => collect(m, n, value);
  const cycles = {
    ws: () => stationary(array, { M, N, K }, activation, weight, collect),
    is: () => stationary(array, { M: N, N: M, K }, weight, activation, transposed),
    os: () => outputStationary(array, { M, N, K }, activation, weight, collect),
  }[dataflow]();
  return { cycles: cycles - 1, product };
}

/** Folds of `held` (N × K) in the array, all M rows of `moving` through each; the number of cycles. */
function stationary(
  array: ArrayShape,
  { M, N, K }: GemmShape,
  moving: Matrix,
  held: Matrix,
  collect: Collect,
): number {
  let cycles = 0;
  for (let k = 0; k < K; k += array.rows) {
    for (let n = 0; n < N; n += array.columns) {
      const fold = new StationaryFold(array);
      for (let r = array.rows - 1; r >= 0; r--, cycles++) fold.fill((c) => held(n + c, k + r));
      for (let done = 0; done < M * array.columns; cycles++) {
        done += fold.step(
          M,
          (m, r) => moving(m, k + r),
          (m, c, sum) => collect(m, n + c, sum),
        );
      }
    }
  }
  return cycles;
}

/** Registers of the array while one operand stays in it. */
class StationaryFold {
  private readonly array: ArrayShape;
  private readonly weights: Float64Array;
  private readonly activations: Float64Array;
  private readonly sums: Float64Array;
  private cycle = 0;

  constructor(array: ArrayShape) {
    this.array = array;
    const elements = array.rows * array.columns;
    this.weights = new Float64Array(elements);
    this.activations = new Float64Array(elements);
    this.sums = new Float64Array(elements);
  }

  /** One cycle of filling: every row of weights moves down, a new one enters at the top. */
  fill(row: (c: number) => number): void {
    const { columns } = this.array;
    this.weights.copyWithin(columns, 0);
    for (let c = 0; c < columns; c++) this.weights[c] = row(c);
  }

  /** One cycle of computing; returns how many of the outputs of M rows left the array. */
  step(M: number, moving: Matrix, collect: Collect): number {
    const { rows, columns } = this.array;
    for (let r = rows - 1; r >= 0; r--) {
      const m = this.cycle - r;
      this.multiplyRow(r, m >= 0 && m < M ? moving(m, r) : 0);
    }
    let left = 0;
    for (let c = 0; c < columns; c++) {
      const m = this.cycle - (rows - 1) - c;
      if (m < 0 || m >= M) continue;
      collect(m, c, this.sums[(rows - 1) * columns + c]!);
      left++;
    }
    this.cycle++;
    return left;
  }

  /** Row r takes `entering` from the left, and the sums of the row above as they were. */
  private multiplyRow(r: number, entering: number): void {
    const { array, activations, sums, weights } = this;
    const first = r * array.columns;
    activations.copyWithin(first + 1, first, first + array.columns - 1);
    activations[first] = entering;
    for (let i = first; i < first + array.columns; i++) {
      const above = r === 0 ? 0 : sums[i - array.columns]!;
      sums[i] = above + activations[i]! * weights[i]!;
    }
  }
}

/** Folds of M × N outputs in the array, K steps through each; the number of cycles. */
function outputStationary(
  array: ArrayShape,
  { M, N, K }: GemmShape,
  activation: Matrix,
  weight: Matrix,
  collect: Collect,
): number {
  let cycles = 0;
  for (let m = 0; m < M; m += array.rows) {
    for (let n = 0; n < N; n += array.columns) {
      const fold = new OutputFold(array, K);
      for (; !fold.finished; cycles++)
        fold.step(
          (r, k) => activation(m + r, k),
          (c, k) => weight(n + c, k),
        );
      fold.drain((r, c, sum) => collect(m + r, n + c, sum));
    }
  }
  return cycles;
}

/** Registers of the array while the outputs stay in it. */
class OutputFold {
  private readonly array: ArrayShape;
  private readonly K: number;
  private readonly activations: Float64Array;
  private readonly weights: Float64Array;
  private readonly sums: Float64Array;
  private cycle = 0;

  constructor(array: ArrayShape, K: number) {
    this.array = array;
    this.K = K;
    const elements = array.rows * array.columns;
    this.activations = new Float64Array(elements);
    this.weights = new Float64Array(elements);
    this.sums = new Float64Array(elements);
  }

  /** Whether the last element has made its last product. */
  get finished(): boolean {
    return this.cycle === this.K + (this.array.rows - 1) + (this.array.columns - 1);
  }

  step(activation: Matrix, weight: Matrix): void {
    const { rows, columns } = this.array;
    const { activations, weights, sums } = this;
    weights.copyWithin(columns, 0);
    for (let c = 0; c < columns; c++) weights[c] = this.entering(weight, c);
    for (let r = 0; r < rows; r++) {
      const first = r * columns;
      activations.copyWithin(first + 1, first, first + columns - 1);
      activations[first] = this.entering(activation, r);
    }
    for (let i = 0; i < sums.length; i++) sums[i]! += activations[i]! * weights[i]!;
    this.cycle++;
  }

  /** What enters lane i now: lanes start one cycle after each other. */
  private entering(operand: Matrix, i: number): number {
    const k = this.cycle - i;
    return k >= 0 && k < this.K ? operand(i, k) : 0;
  }

  drain(collect: Collect): void {
    const { columns } = this.array;
    this.sums.forEach((sum, i) => collect(Math.floor(i / columns), i % columns, sum));
  }
}
