/**
 * Numerics: the arithmetic a graph is interpreted with.
 *
 * The interpreter knows what each op means; Numerics decides how its numbers round. `floatNumerics`
 * (f32 values, f64 accumulation) is the judge of the CPU and GPU targets. An accelerator supplies its
 * own, and its simulator must then equal the interpreter bit for bit.
 *
 * Rows are dense and contiguous; every function writes `out` and allocates nothing it keeps.
 */
import type { HyperConnectionAttrs, RouteAttrs } from './ops.table.ts';
import type { MxFormat } from './types.ts';

/** Rows of MX blocks: decoded elements and one E8M0 scale a block of 32. */
export interface MxRows {
  readonly format: MxFormat;
  readonly rows: number;
  readonly columns: number;
  /**
   * Decoded elements, row-major. mxint8: the integer (value · 2^6). mxfp4: the value in halves
   * (integer -12…12). mxfp8: the E4M3 value itself.
   */
  readonly elements: Int8Array | Float32Array;
  /** E8M0 scales [rows][columns/32]; 255 marks a NaN block. */
  readonly scales: Uint8Array;
}

/** One query head against the rows of its sequence: `count` rows are visible. */
export interface AttendRequest<V> {
  readonly query: V;
  readonly keys: V;
  readonly values: V;
  /** First element of the query row, and of row 0 of keys and values; distances between rows. */
  readonly queryOffset: number;
  readonly keyOffset: number;
  readonly keyStride: number;
  readonly valueOffset: number;
  readonly valueStride: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly count: number;
  readonly scale: number;
  /** A logit beside those of the rows, which takes its share and adds nothing; none when absent. */
  readonly sink?: number;
  /** Of the rows, how many are the last of a window, and how many that holds: where each has its place. */
  readonly window?: { readonly count: number; readonly room: number };
}

/** The index query of one token against the `out.length` rows of keys that it sees. */
export interface IndexRequest<V> {
  /** [heads][K] */
  readonly query: V;
  /** One a head. */
  readonly weights: Float32Array;
  /** [rows][K] */
  readonly keys: V;
}

/** One head of one sequence under the gated delta rule: rows of T tokens, dense. */
export interface DeltaRequest {
  /** S [K][V], which is changed. */
  readonly state: Float32Array;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
  /** One a token; decays are logarithms. */
  readonly decay: Float32Array;
  readonly beta: Float32Array;
  readonly scale: number;
  /** Tokens evaluated together, 1 for the recurrence itself. */
  readonly chunk: number;
}

/** The rows [values | gates] of the tokens that an entry is pooled from. */
export interface PoolRequest {
  /** With overlap two windows, of which the first counts through the first half of the channels. */
  readonly rows: Float32Array;
  /** Added to the gates [tokens of a window][channels]. */
  readonly bias: Float32Array;
  /** Channels of the entry. */
  readonly K: number;
  readonly overlap: boolean;
  /** Whether no window is before. */
  readonly first: boolean;
}

/** A stream and a key with their weights [D] each. */
export interface NGramGateRequest {
  readonly x: Float32Array;
  readonly key: Float32Array;
  readonly weights: readonly [Float32Array, Float32Array];
  readonly epsilon: number;
}

export interface Numerics {
  readonly name: string;
  /** out = a row of a table of embeddings, rounded to the format in which tables are kept. */
  embed(row: Float32Array, out: Float32Array): void;
  /** out[m][n] = Σ_k x[m][k]·w[n][k] for m < M rows starting at element offsets; f32 operands. */
  linear(
    x: Float32Array,
    w: Float32Array,
    M: number,
    N: number,
    K: number,
    out: Float32Array,
  ): void;
  /** The same on MX operands: exact inside a block, rounded once a block, blocks in ascending k. */
  linearMx(x: MxRows, w: MxRows, out: Float32Array): void;
  attend(request: AttendRequest<Float32Array>, out: Float32Array): void;
  attendMx(request: AttendRequest<MxRows>, out: Float32Array): void;
  rmsNormalization(x: Float32Array, weight: Float32Array, epsilon: number, out: Float32Array): void;
  layerNormalization(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    epsilon: number,
    out: Float32Array,
  ): void;
  /** out[s] = Σ_h weights[h]·relu(query[h]·keys[s]). */
  indexScores(request: IndexRequest<Float32Array>, out: Float32Array): void;
  indexScoresMx(request: IndexRequest<MxRows>, out: Float32Array): void;
  /** x · rsqrt(Σx² + ε). */
  l2Normalization(x: Float32Array, epsilon: number, out: Float32Array): void;
  silu(x: number): number;
  /** sign(x) · √max(|x|, smallest), 0 of 0. */
  signedRoot(x: number, smallest: number): number;
  /** Σ a · b. */
  dot(a: Float32Array, b: Float32Array): number;
  sigmoid(x: number): number;
  softplus(x: number): number;
  /** out[c] = Σ_j weight[c][j] · window[j][c], j ascending: one token, the last row of its window. */
  convolve(window: Float32Array, weight: Float32Array, out: Float32Array): void;
  /** Writes the T rows [T][V] of one head. */
  gatedDelta(request: DeltaRequest, out: Float32Array): void;
  /** An entry of compressed context. */
  pool(request: PoolRequest, out: Float32Array): void;
  /** Coefficients of the residual streams of one token, as the op says. */
  hyperConnection(
    x: Float32Array,
    scale: Float32Array,
    base: Float32Array,
    attrs: HyperConnectionAttrs,
    out: Float32Array,
  ): void;
  /** out (m,D) = coefficients (m,n) · x (n,D). */
  mix(coefficients: Float32Array, x: Float32Array, D: number, out: Float32Array): void;
  /** How well a stream and a key agree, as the op nGramGate says. */
  nGramGate(request: NGramGateRequest): number;
  /** Gates of one token for the experts given. */
  gatesOf(
    logits: Float32Array,
    experts: readonly number[],
    attrs: Pick<RouteAttrs, 'scoring' | 'normalize' | 'scale'>,
    out: Float32Array,
  ): void;
  /** Gates of one token: zero for experts not chosen. `bias` is added for the choice only. */
  route(
    logits: Float32Array,
    bias: Float32Array | undefined,
    attrs: RouteAttrs,
    out: Float32Array,
  ): void;
  /**
   * Quantises one row; writes its elements and scales at the row's place in `out`. With `search`, of
   * the exponents e and e+1 the one with the smaller squared error is kept (weights).
   */
  quantize(row: Float32Array, group: number, out: MxRows, rowIndex: number, search?: boolean): void;
}

/** An empty MX tensor of `rows` rows; scales are 127 (2^0). */
export function allocateMx(format: MxFormat, rows: number, columns: number): MxRows {
  const size = rows * columns;
  const elements = format === 'mxfp8' ? new Float32Array(size) : new Int8Array(size);
  return { format, rows, columns, elements, scales: new Uint8Array(size / 32).fill(127) };
}
