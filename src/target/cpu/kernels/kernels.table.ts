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
import type { ValueType } from '../../../wasm/index.ts';

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
  /** out: rows of K activations, a multiple of 32, in 8 bits; blocks of 48 bytes (quantizeRows.ts). */
  quantizeRows: {
    x: 'i32',
    xStride: 'i32',
    out: 'i32',
    rows: 'i32',
    K: 'i32',
  },
  /** As linear, with w in panels of the format with this code; x from quantizeRows, unless these are floats. */
  linearPanels: {
    x: 'i32',
    xStride: 'i32',
    w: 'i32',
    out: 'i32',
    outStride: 'i32',
    M: 'i32',
    N: 'i32',
    K: 'i32',
    format: 'i32',
  },
  /**
   * q [B][T] rows `qStep` apart of [G][shared][keyWidth], keys and values [B][capacity] rows `keyStep` and
   * `valueStep` apart of [G][keyWidth] and [G][valueStride] → out [B][T] rows `outStep` apart of
   * [G][shared][valueWidth]. Token t sees the rows up to its own position, which is `first` + t after
   * those that its sequence holds. Up to `tileTokens` go together (tokensOfTile); `scores` has room for what
   * they need (attentionRoom), `scoreStride` elements a row, a multiple of SCORE_UNIT, or of 4 for a token alone.
   */
  attention: {
    q: 'i32',
    qStep: 'i32',
    keys: 'i32',
    keyStep: 'i32',
    values: 'i32',
    valueStep: 'i32',
    positions: 'i32',
    first: 'i32',
    scores: 'i32',
    scoreStride: 'i32',
    out: 'i32',
    outStep: 'i32',
    B: 'i32',
    T: 'i32',
    G: 'i32',
    shared: 'i32',
    capacity: 'i32',
    keyWidth: 'i32',
    valueStride: 'i32',
    valueWidth: 'i32',
    tileTokens: 'i32',
    scale: 'f32',
  },
  /**
   * As attention, but token t sees the rows chosen [B][T][topK] for it, i32; a negative one is none.
   * `chosenKeys` and `chosenValues` have room for topK rows of all G heads; both are one buffer where
   * the values are the keys.
   */
  attentionToRows: {
    q: 'i32',
    qStep: 'i32',
    keys: 'i32',
    keyStep: 'i32',
    values: 'i32',
    valueStep: 'i32',
    chosen: 'i32',
    chosenKeys: 'i32',
    chosenValues: 'i32',
    scores: 'i32',
    scoreStride: 'i32',
    out: 'i32',
    outStep: 'i32',
    B: 'i32',
    T: 'i32',
    G: 'i32',
    shared: 'i32',
    capacity: 'i32',
    keyWidth: 'i32',
    valueStride: 'i32',
    valueWidth: 'i32',
    topK: 'i32',
    scale: 'f32',
  },
  /**
   * out [B][T][topK], i32: the visible rows with the largest Σ_h weights_h·relu(q_h·key), ascending, of
   * equals the first, −1 where there are fewer; q [B][T][H][K], weights [B][T][H], keys
   * [B][capacity][K]. Token t is `first` + t after those that its sequence holds; a row is visible from the last of
   * its `tokensPerRow` tokens on; where `blocks`
   * [B][T][blockCount], ascending, then −1, are not 0, only in those of `blockRows` rows. Weights 0 are
   * all 1. `block` has room for H rows of INDEX_BLOCK scores, `scores` for one a visible row and
   * INDEX_BLOCK more.
   */
  topRows: {
    q: 'i32',
    weights: 'i32',
    keys: 'i32',
    positions: 'i32',
    first: 'i32',
    blocks: 'i32',
    block: 'i32',
    scores: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    H: 'i32',
    K: 'i32',
    capacity: 'i32',
    topK: 'i32',
    tokensPerRow: 'i32',
    blockCount: 'i32',
    blockRows: 'i32',
  },
  /** As topRows, but blocks of `blockRows` by their best row, the last before all others. */
  topBlocks: {
    q: 'i32',
    weights: 'i32',
    keys: 'i32',
    positions: 'i32',
    first: 'i32',
    block: 'i32',
    scores: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    H: 'i32',
    K: 'i32',
    capacity: 'i32',
    topK: 'i32',
    tokensPerRow: 'i32',
    blockRows: 'i32',
  },
  /**
   * out [B][T][k·n+n−1], n = tokensPerRow: the rows of the blocks [B][T][k], negative ones are none, and
   * those after the last complete block that a token sees, then −1.
   */
  blockRows: {
    blocks: 'i32',
    positions: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    k: 'i32',
    tokensPerRow: 'i32',
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
  /** As append, but only rows of tokens that end `tokensPerRow` of them, each at the place of its entry. */
  appendEntries: {
    x: 'i32',
    positions: 'i32',
    state: 'i32',
    B: 'i32',
    T: 'i32',
    capacity: 'i32',
    size: 'i32',
    tokensPerRow: 'i32',
  },
  /** Copies `rows` rows of `size` elements. */
  copyRows: { x: 'i32', xStride: 'i32', out: 'i32', outStride: 'i32', rows: 'i32', size: 'i32' },
  /** Row tokens[i] of table [V][D] → out [rows][D]; tokens must be below V. */
  embedding: { tokens: 'i32', table: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  /** As embedding, from a table in panels of the format with this code. */
  embeddingPanels: {
    tokens: 'i32',
    table: 'i32',
    out: 'i32',
    rows: 'i32',
    D: 'i32',
    format: 'i32',
  },
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
  /** sign(x) · √max(|x|, smallest), 0 of 0. */
  signedRoot: { x: 'i32', out: 'i32', size: 'i32', smallest: 'f32' },
  /** silu(min(gate, limit)) · up within ±limit, which may be infinite; out may be gate or up. */
  swiglu: { gate: 'i32', up: 'i32', out: 'i32', size: 'i32', limit: 'f32' },
  /** x · rsqrt(mean(x²) + ε) · w for each row of D. */
  rmsNormalization: { x: 'i32', w: 'i32', out: 'i32', rows: 'i32', D: 'i32', epsilon: 'f32' },
  /** Σ a · b for each row of D. */
  dot: { a: 'i32', b: 'i32', out: 'i32', rows: 'i32', D: 'i32' },
  /**
   * σ(±√max(|d|, smallest)) of d = Σ x·k·w·v / √D, x and k [rows][n][D] of unit mean square, w and v
   * [n][D]; out [rows][n].
   */
  nGramGate: {
    x: 'i32',
    keys: 'i32',
    w: 'i32',
    v: 'i32',
    out: 'i32',
    rows: 'i32',
    n: 'i32',
    D: 'i32',
    epsilon: 'f32',
    smallest: 'f32',
  },
  /**
   * x rounded to a format of few bits for each group of `size`, as fakeQuantize in the interpreter: the
   * largest value of the format, its smallest normal one, and from 1 to the next (`step`). `least` is
   * what the largest magnitude of a group is at least; a scale is a power of two or (1) one of e4m3.
   */
  fakeQuantize: {
    x: 'i32',
    out: 'i32',
    groups: 'i32',
    size: 'i32',
    largest: 'f32',
    normal: 'f32',
    step: 'f32',
    least: 'f32',
    roundedScale: 'i32',
  },
  /**
   * ids i32 [B][past+T]: those that a state f32 [B][past] holds, of the padding at the start, and those
   * of the tokens [B][T] behind them, which are the `classes` f32 of the tokens unless that is 0. The
   * state then holds the last ones.
   */
  ngramIds: {
    state: 'i32',
    tokens: 'i32',
    classes: 'i32',
    positions: 'i32',
    ids: 'i32',
    B: 'i32',
    T: 'i32',
    past: 'i32',
    padding: 'i32',
  },
  /**
   * hashes i64 [B][T] ⊕= id[t−back] · multiplier, of two words, or = that for `back` 0. Where `endsText`
   * is 1, an id counts as that of the padding if a newer one but the newest is.
   */
  ngramHashes: {
    ids: 'i32',
    classes: 'i32',
    hashes: 'i32',
    B: 'i32',
    T: 'i32',
    past: 'i32',
    back: 'i32',
    high: 'i32',
    low: 'i32',
    padding: 'i32',
    endsText: 'i32',
  },
  /** out[i · outStride] = first + hashes i64 [rows] mod modulus, which is never negative. */
  ngramRows: {
    hashes: 'i32',
    out: 'i32',
    outStride: 'i32',
    rows: 'i32',
    modulus: 'i32',
    first: 'i32',
  },
  /** (x − mean(x)) · rsqrt(variance(x) + ε) · w + bias for each row of D. */
  layerNormalization: {
    x: 'i32',
    w: 'i32',
    bias: 'i32',
    out: 'i32',
    rows: 'i32',
    D: 'i32',
    epsilon: 'f32',
  },
  /** x · rsqrt(Σx² / divisor + ε) for each row of D: 1 for the length, D for the mean square. */
  l2Normalization: {
    x: 'i32',
    out: 'i32',
    rows: 'i32',
    D: 'i32',
    divisor: 'i32',
    epsilon: 'f32',
  },
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
   * Gates [rows][E] from logits, as `route` in docs/numerics.md. Flags are 0 or 1; bias 0 means none;
   * `scoring` is one of SCORINGS. `scratch` has room for three rows of E, each rounded up to a multiple of 4, and the groups.
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
    scoring: 'i32',
    normalize: 'i32',
    scale: 'f32',
  },
  /** As route, for the experts in the row of `table` [V][topK], f32, of each token. */
  routeByToken: {
    logits: 'i32',
    tokens: 'i32',
    table: 'i32',
    scratch: 'i32',
    out: 'i32',
    rows: 'i32',
    E: 'i32',
    topK: 'i32',
    scoring: 'i32',
    normalize: 'i32',
    scale: 'f32',
  },
  /**
   * Of gates [rows][E] those that are not zero, at most topK a row, in the order of experts and in each of rows: rows
   * `starts` i32 [E + 1] … of each expert; the row `tokens` i32 [rows·topK] and the gate `weights` of each, 0 for what
   * is left; and `places` i32 [rows][topK], where each row's are, −1 for what is left. `next` has room for E.
   */
  groupTokens: {
    gates: 'i32',
    starts: 'i32',
    tokens: 'i32',
    weights: 'i32',
    places: 'i32',
    next: 'i32',
    rows: 'i32',
    E: 'i32',
    topK: 'i32',
  },
  /** Row chosen[i] of `size` elements, for each of `rows`. */
  takeRows: { x: 'i32', chosen: 'i32', out: 'i32', rows: 'i32', size: 'i32' },
  /**
   * As linear, rows starts[e] to below starts[e + 1] with weight e of E that are `matrixBytes` apart; dense rows of x,
   * of which there are at most `rows`.
   */
  groupedLinear: {
    x: 'i32',
    starts: 'i32',
    w: 'i32',
    matrixBytes: 'i32',
    out: 'i32',
    outStride: 'i32',
    rows: 'i32',
    E: 'i32',
    N: 'i32',
    K: 'i32',
  },
  /** As groupedLinear, with w in panels of the format with this code; x from quantizeRows, unless these are floats. */
  groupedLinearPanels: {
    x: 'i32',
    xStride: 'i32',
    starts: 'i32',
    w: 'i32',
    matrixBytes: 'i32',
    out: 'i32',
    outStride: 'i32',
    rows: 'i32',
    E: 'i32',
    N: 'i32',
    K: 'i32',
    format: 'i32',
  },
  /** out[m] = Σ_i weights[i] · x[i] over the rows i of places [rows][topK] that are not −1, in their order. */
  sumExperts: {
    x: 'i32',
    weights: 'i32',
    places: 'i32',
    out: 'i32',
    rows: 'i32',
    topK: 'i32',
    D: 'i32',
  },
  /**
   * Each channel of x [B][T][C] with its own taps w [C][W], `dilation` rows apart; state [B][kept][C],
   * kept = (W-1)·dilation, holds the rows before x, and then the last ones of both. Only so many `channels`
   * from those that the pointers are at; `rows` has room for kept + T + W rows of them.
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
    dilation: 'i32',
    channels: 'i32',
  },
  /**
   * The gated delta rule: state [B][H][K][V], q and k [B][T][G][K], v and out [B][T][H][V], decay (a
   * logarithm) and beta [B][T][H]; of these the `heads` heads from the first on.
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
    first: 'i32',
    heads: 'i32',
    scale: 'f32',
  },
  /**
   * Pools windows of `tokensPerRow` rows [values | gates] of C, as `compress` in the op table; out
   * [B][T][K], zeros where no window ends. state [B][kept][C] holds the rows before x, kept =
   * tokensPerRow·(overlap + 1) − 1, and then the last ones of both; `rows` has room for kept + T.
   * bias 0 means none.
   */
  compress: {
    state: 'i32',
    x: 'i32',
    bias: 'i32',
    positions: 'i32',
    rows: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    C: 'i32',
    K: 'i32',
    tokensPerRow: 'i32',
    overlap: 'i32',
  },
  /**
   * q [B][T][H][K] against the last W rows [B][T][K], which are keys and values, and entries
   * [B][capacity][K]: those complete, or of those the ones chosen [B][T][topK]; 0 means no entries, no
   * choice. state [B][W][K] as in compress. `rows` has room for W + T, `seen` for as many as a
   * token sees, `scores` for H rows of `scoreStride`, which is above that count.
   */
  windowAttention: {
    state: 'i32',
    q: 'i32',
    x: 'i32',
    sinks: 'i32',
    positions: 'i32',
    entries: 'i32',
    chosen: 'i32',
    rows: 'i32',
    seen: 'i32',
    scores: 'i32',
    scoreStride: 'i32',
    out: 'i32',
    B: 'i32',
    T: 'i32',
    H: 'i32',
    K: 'i32',
    W: 'i32',
    capacity: 'i32',
    topK: 'i32',
    tokensPerRow: 'i32',
    scale: 'f32',
  },
  /**
   * Coefficients of n residual streams, [rows][M] as in the op table; scale [3] or [1], base [M], M is n
   * or n·(n + 2). `matrix` has room for n rows of n, each rounded up to a multiple of 4.
   */
  hyperConnection: {
    logits: 'i32',
    factors: 'i32',
    base: 'i32',
    matrix: 'i32',
    out: 'i32',
    rows: 'i32',
    n: 'i32',
    M: 'i32',
    iterations: 'i32',
    epsilon: 'f32',
  },
  /** out [rows][m][D] = c [rows][m][n] · x [rows][n][D]. */
  mixHeads: { c: 'i32', x: 'i32', out: 'i32', rows: 'i32', m: 'i32', n: 'i32', D: 'i32' },
} as const satisfies Record<string, Record<string, ValueType>>;

/** How logits become scores of experts. */
export const SCORINGS = { sigmoid: 0, softmax: 1, sqrtSoftplus: 2 } as const;

/** The smallest normal number of a format of few bits, and from 1 to the next. */
export const FEW_BITS = {
  e4m3: { normal: 2 ** -6, step: 2 ** -3 },
  e2m1: { normal: 1, step: 2 ** -1 },
} as const;

/** Rows of keys that an indexer scores at a time. */
export const INDEX_BLOCK = 64;

/** A kernel of the table. */
export type KernelName = keyof typeof KERNELS;
