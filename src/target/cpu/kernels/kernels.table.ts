/**
 * The kernels of the CPU target: the parameters of each function that the module exports, in order.
 *
 * Parameters that name tensors or tables are addresses in bytes. Everything else counts elements (of
 * 4 bytes), rows or heads; a stride is the distance between two rows. Every buffer starts at a
 * multiple of 64 bytes and owns its bytes up to the next such multiple, so elementwise kernels work on
 * whole vectors and may write up to three elements beyond the last.
 *
 * Letters as in the op table; `rows` is B·T unless said otherwise. State has room for `capacity`
 * tokens a sequence; `positions` i32 [B] says how many it already holds.
 */
import { type ValueType } from '../../../wasm/index.ts';

/** Parameters by kernel, in order. */
export const KERNELS = {
  /** out[m][n] = Σ_k x[m][k]·w[n][k], each sum in the same order for any M and N. */
  linear: {
    x: 'i32',
    xStride: 'i32',
    w: 'i32',
    wStride: 'i32',
    out: 'i32',
    outStride: 'i32',
    M: 'i32',
    N: 'i32',
    K: 'i32',
  },
  /** A linear for each head h: x + h·xHeadStride, w [H][N][K], out [rows][H][N]. */
  headLinear: {
    x: 'i32',
    xStride: 'i32',
    xHeadStride: 'i32',
    w: 'i32',
    out: 'i32',
    rows: 'i32',
    H: 'i32',
    N: 'i32',
    K: 'i32',
  },
  /**
   * q [B][T][H][keyWidth], keys [B][capacity][G][keyWidth], values [B][capacity][G][valueStride] →
   * out [B][T][H][valueWidth]. Token t sees the rows up to its own position. `scores` has room for
   * H/G rows of `scoreStride` elements, a multiple of 4.
   */
  attention: {
    q: 'i32',
    keys: 'i32',
    values: 'i32',
    positions: 'i32',
    scores: 'i32',
    scoreStride: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    H: 'i32',
    G: 'i32',
    capacity: 'i32',
    keyWidth: 'i32',
    valueStride: 'i32',
    valueWidth: 'i32',
    scale: 'f32',
  },
  /** Writes rows [B][T][size] into state [B][capacity][size] from the position of each sequence on. */
  append: {
    x: 'i32',
    positions: 'i32',
    state: 'i32',
    B: 'i32',
    T: 'i32',
    capacity: 'i32',
    size: 'i32',
  },
  /** Copies `rows` rows of `size` elements. */
  copyRows: { x: 'i32', xStride: 'i32', out: 'i32', outStride: 'i32', rows: 'i32', size: 'i32' },
  /** Row tokens[i] of table [V][D] → out [rows][D]; tokens must be below V. */
  embedding: { tokens: 'i32', table: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  /** x [planes][rows][columns] → out [planes][columns][rows]. */
  transpose: { x: 'i32', out: 'i32', planes: 'i32', rows: 'i32', columns: 'i32' },
  add: { a: 'i32', b: 'i32', out: 'i32', size: 'i32' },
  mul: { a: 'i32', b: 'i32', out: 'i32', size: 'i32' },
  /** a [rows][D] and one row b [D] for all of its rows. */
  addRow: { a: 'i32', b: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  mulRow: { a: 'i32', b: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  /** a [rows][D] and one number of b [rows] for each of its rows. */
  addNumber: { a: 'i32', b: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  mulNumber: { a: 'i32', b: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  /** 1 / (1 + exp(−x)). */
  sigmoid: { x: 'i32', out: 'i32', size: 'i32' },
  /** ln(1 + exp(x)). */
  softplus: { x: 'i32', out: 'i32', size: 'i32' },
  /** x · sigmoid(x). */
  silu: { x: 'i32', out: 'i32', size: 'i32' },
  /** silu(gate) · up; out may be gate or up. */
  swiglu: { gate: 'i32', up: 'i32', out: 'i32', size: 'i32' },
  /** x · rsqrt(mean(x²) + ε) · w for each row of D. */
  rmsNormalization: { x: 'i32', w: 'i32', out: 'i32', rows: 'i32', D: 'i32', epsilon: 'f32' },
  /** x · rsqrt(Σx² + ε) for each row of D. */
  l2Normalization: { x: 'i32', out: 'i32', rows: 'i32', D: 'i32', epsilon: 'f32' },
  /**
   * Rotates channels (i·step, i·step + distance) for i < pairs of x [rows][H][2·pairs] by the angle
   * in cos and sin [rows][pairs].
   */
  rotaryEmbedding: {
    x: 'i32',
    cos: 'i32',
    sin: 'i32',
    out: 'i32',
    rows: 'i32',
    H: 'i32',
    pairs: 'i32',
    step: 'i32',
    distance: 'i32',
  },
  /** Index of the largest of each row, the first of equals; a NaN is smaller than everything. */
  argMax: { x: 'i32', out: 'i32', rows: 'i32', size: 'i32' },
  /**
   * Gates [rows][E] from logits, as `route` in docs/numerics.md. Flags are 0 or 1; bias 0 means none.
   * `scratch` has room for three rows of E, each rounded up to a multiple of 4, and the groups.
   */
  route: {
    logits: 'i32',
    bias: 'i32',
    scratch: 'i32',
    out: 'i32',
    rows: 'i32',
    E: 'i32',
    topK: 'i32',
    groups: 'i32',
    topGroups: 'i32',
    groupByBest: 'i32',
    softmax: 'i32',
    normalize: 'i32',
    scale: 'f32',
  },
  /**
   * out[m] = Σ_e gates[m][e] · down_e(silu(gate_e x) · up_e x) over gates that are not zero, in
   * ascending e. Scratch: chosen [rows], gathered [rows][D], inner and upper [rows][F].
   */
  experts: {
    x: 'i32',
    gates: 'i32',
    gate: 'i32',
    up: 'i32',
    down: 'i32',
    chosen: 'i32',
    gathered: 'i32',
    inner: 'i32',
    upper: 'i32',
    out: 'i32',
    rows: 'i32',
    E: 'i32',
    F: 'i32',
    D: 'i32',
  },
  /**
   * Each channel of x [B][T][C] with its own taps w [C][W]; state [B][W-1][C] holds the rows before x,
   * and then the last ones of both. `rows` has room for W-1+T rows of C.
   */
  causalConvolution: {
    state: 'i32',
    x: 'i32',
    w: 'i32',
    positions: 'i32',
    rows: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    C: 'i32',
    W: 'i32',
  },
  /**
   * The gated delta rule: state [B][H][K][V], q and k [B][T][G][K], v and out [B][T][H][V], decay (a
   * logarithm) and beta [B][T][H].
   */
  gatedDelta: {
    state: 'i32',
    q: 'i32',
    k: 'i32',
    v: 'i32',
    decay: 'i32',
    beta: 'i32',
    positions: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    G: 'i32',
    H: 'i32',
    K: 'i32',
    V: 'i32',
    scale: 'f32',
  },
} as const satisfies Record<string, Record<string, ValueType>>;

/** A kernel of the table. */
export type KernelName = keyof typeof KERNELS;
