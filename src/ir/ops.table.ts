/**
 * The op table: every operator of the tensor-level IR, its attributes and its typing rule.
 *
 * This is the one list. A table typed `Rules<R>` has an entry for each op, so forgetting an op in an
 * interpreter, a printer or a target is a compile error. Names follow ONNX where ONNX has the op.
 *
 * Letters: B batch, T tokens, S context, D width, H heads, G key/value heads, K head width,
 * E experts, F expert width, V vocabulary, N outputs.
 */
import { ShapeError } from '../base/index.ts';
import {
  isMx,
  lastDim,
  sameShape,
  sameType,
  tensor,
  typeToString,
  withLast,
  MX_BLOCK,
  type Dim,
  type MxFormat,
  type Shape,
  type TensorType,
  wholeBlocks,
} from './types.ts';

/** How a router turns logits into gates; semantics in docs/numerics.md and [DeepSeek-V3, eq. 12-16]. */
export interface RouteAttrs {
  readonly scoring: 'softmax' | 'sigmoid' | 'sqrtSoftplus';
  /** Experts kept for each token. */
  readonly topK: number;
  /** Groups the experts are split into, and how many of them stay eligible. 1 and 1: no group limit. */
  readonly groups: number;
  readonly topGroups: number;
  /** The score of a group: that of its best expert (DeepSeek-V2), not the sum of its best two. */
  readonly groupByBest?: boolean;
  /** Divide the kept scores by their sum. */
  readonly normalize: boolean;
  /** Multiplies every kept gate. */
  readonly scale: number;
}

/** Coefficients of residual streams [mHC, DeepSeek-V4]. */
export interface HyperConnectionAttrs {
  readonly streams: number;
  /** Of Sinkhorn's iteration. */
  readonly iterations: number;
  /** Added to `pre` and to every sum that is divided by. */
  readonly epsilon: number;
}

/** Hashes of the last tokens: rows of a table of n-grams [Qwen3.8-Flash-Next, DeepSeek-V4.1]. */
export interface NgramAttrs {
  /** One for each token of the longest n-gram, the newest first; 64 bits each as two words, the high one first. */
  readonly multipliers: readonly number[];
  /** Rows of each part of the table: as many parts for the 2-grams as for the 3-grams and so on, in this order. */
  readonly moduli: readonly number[];
  /** The token that stands for what is before the first. */
  readonly padding: number;
  /** Whether that token ends a text, and stands for all that is before it too. */
  readonly endsText?: boolean;
}

/** Values rounded to a narrow format and back, as caches of quantisation-aware models hold them. */
export interface FakeQuantizeAttrs {
  readonly format: 'e4m3' | 'e2m1';
  /** Elements that share a scale. */
  readonly group: number;
  /** The smallest power of two, or the nearest e4m3, that brings the largest of a group into the format. */
  readonly scale: 'powerOfTwo' | 'e4m3';
}

export interface OpAttrs {
  // sources
  input: { readonly name: 'tokens' | 'position' | 'hidden'; readonly type: TensorType };
  weight: { readonly name: string; readonly type: TensorType };
  state: { readonly name: string; readonly type: TensorType };
  // movement
  splitHeads: { readonly heads: number };
  mergeHeads: Record<never, never>;
  repeatHeads: { readonly heads: number };
  slice: { readonly start: number; readonly size: number };
  concat: Record<never, never>;
  transpose: Record<never, never>;
  lastToken: Record<never, never>;
  embedding: Record<never, never>;
  append: {
    /** A row stands for so many tokens: only those that end one are written; 1 when absent. */
    readonly tokensPerRow?: number;
  };
  // elementwise and row-wise
  add: Record<never, never>;
  mul: Record<never, never>;
  sigmoid: Record<never, never>;
  softplus: Record<never, never>;
  silu: Record<never, never>;
  swiglu: {
    /** gate is at most, and up at most and at least minus, so large (DeepSeek-V4). */
    readonly limit?: number;
  };
  rmsNormalization: { readonly epsilon: number };
  layerNormalization: { readonly epsilon: number };
  l2Normalization: { readonly epsilon: number };
  rotaryEmbedding: {
    readonly layout: 'half' | 'interleaved';
    /** One angular frequency a channel pair, radians per position (f64). */
    readonly frequencies: readonly number[];
    /** Multiplies cos and sin (YaRN); 1 without scaling. */
    readonly magnitude: number;
    /** Added to positions; 0 when absent. */
    readonly offset?: number;
  };
  signedRoot: {
    /** The least that the root is taken of. */
    readonly smallest: number;
  };
  dot: Record<never, never>;
  argMax: Record<never, never>;
  quantize: {
    readonly format: MxFormat;
    readonly group: number;
    /** Of the two candidate exponents keep the one with the smaller squared error; for weights. */
    readonly search?: boolean;
  };
  fakeQuantize: FakeQuantizeAttrs;
  // contractions
  linear: Record<never, never>;
  headLinear: Record<never, never>;
  attention: { readonly scale: number; readonly valueWidth: number };
  topRows: {
    readonly topK: number;
    /** A row stands for so many tokens, and is visible from the last of them on; 1 when absent. */
    readonly tokensPerRow?: number;
    /** Rows of a block, where only those of chosen blocks are eligible. */
    readonly blockRows?: number;
  };
  topBlocks: {
    readonly topK: number;
    /** Rows of a block. */
    readonly blockRows: number;
    /** As that of topRows. */
    readonly tokensPerRow?: number;
  };
  nGramGate: { readonly epsilon: number };
  route: RouteAttrs;
  routeByToken: Pick<RouteAttrs, 'scoring' | 'normalize' | 'scale'>;
  experts: {
    /** As that of swiglu. */
    readonly limit?: number;
  };
  // residual streams
  hyperConnection: HyperConnectionAttrs;
  mixHeads: Record<never, never>;
  // compressed context
  compress: {
    /** Tokens that an entry stands for. */
    readonly tokensPerRow: number;
    /** An entry mixes the window before in too, through the first half of the channels. */
    readonly overlap: boolean;
  };
  windowAttention: {
    readonly scale: number;
    /** Tokens that an entry stands for, where there are entries. */
    readonly tokensPerRow?: number;
  };
  blockRows: { readonly tokensPerRow: number };
  // recurrences
  causalConvolution: {
    /** Tokens from one tap to the next; 1 when absent. */
    readonly dilation?: number;
  };
  ngramRows: NgramAttrs;
  gatedDelta: {
    /** Multiplies queries. */
    readonly scale: number;
    /** Tokens evaluated together: 1 is the recurrence itself, more its chunked form, equal in exact arithmetic. */
    readonly chunk: number;
  };
}

export type Op = keyof OpAttrs;

/** A table with one entry for each op. */
export type Rules<R> = { readonly [O in Op]: R };

export interface OpRule<O extends Op> {
  /** One line: what it computes, with shapes. Printed in docs/ir.md. */
  readonly summary: string;
  /** Smallest and largest number of inputs. */
  readonly arity: readonly [number, number];
  /** The input that is a state, which the op changes in place. */
  readonly stateOperand?: number;
  /** The result type; throws ShapeError when the inputs do not fit. */
  infer(inputs: readonly TensorType[], attrs: OpAttrs[O]): TensorType;
}

function require(condition: boolean, requirement: string, given: readonly TensorType[]): void {
  if (!condition) {
    throw new ShapeError(
      `inputs must be ${requirement}, not (${given.map(typeToString).join(', ')})`,
    );
  }
}

function requireFloat(operands: readonly TensorType[], inputs: readonly TensorType[]): void {
  require(operands.every(({ dtype }) => dtype === 'f32'), 'f32', inputs);
}

function requireOneKind(operands: readonly TensorType[], inputs: readonly TensorType[]): void {
  const mx = operands.filter(({ dtype }) => isMx(dtype)).length;
  const f32 = operands.filter(({ dtype }) => dtype === 'f32').length;
  const one = mx === operands.length || f32 === operands.length;
  require(one, 'all f32 or all MX', inputs);
}

function unary(inputs: readonly TensorType[]): TensorType {
  requireFloat(inputs, inputs);
  return inputs[0]!;
}

function binary(inputs: readonly TensorType[]): TensorType {
  requireFloat(inputs, inputs);
  require(sameType(inputs[0]!, inputs[1]!), 'of one type', inputs);
  return inputs[0]!;
}

/** Of one type, or the second a row that every row meets, or one number a row. */
function broadcast(inputs: readonly TensorType[]): TensorType {
  const [a, b] = inputs as [TensorType, TensorType];
  requireFloat(inputs, inputs);
  const fits =
    sameShape(a.shape, b.shape) ||
    sameShape(b.shape, a.shape.slice(-1)) ||
    sameShape(b.shape, withLast(a.shape, 1));
  require(fits, 'of one type, or the second a row (D) or a number a row (…,1)', inputs);
  return a;
}

function inferLinear(inputs: readonly TensorType[]): TensorType {
  const [x, w] = inputs as [TensorType, TensorType];
  require(w.shape.length === 2 && lastDim(w) === lastDim(x), 'x (…,K) and weight (N,K)', inputs);
  requireOneKind(inputs, inputs);
  return tensor('f32', withLast(x.shape, w.shape[0] as number));
}

function inferHeadLinear(inputs: readonly TensorType[]): TensorType {
  const [x, w] = inputs as [TensorType, TensorType];
  const heads = x.shape[2];
  require(x.shape.length === 4 && w.shape.length === 3, 'x (B,T,H|1,K) and weight (H,N,K)', inputs);
  require(heads === 1 || heads === w.shape[0], 'x with 1 head or as many as the weight', inputs);
  require(lastDim(w) === lastDim(x), 'x and weight of one K', inputs);
  requireOneKind(inputs, inputs);
  return tensor('f32', [x.shape[0]!, x.shape[1]!, w.shape[0]!, w.shape[1]!]);
}

function inferAttention(inputs: readonly TensorType[], attrs: OpAttrs['attention']): TensorType {
  const [q, keys, values, , chosen] = inputs as [
    TensorType,
    TensorType,
    TensorType,
    TensorType,
    TensorType?,
  ];
  const [heads, groups] = [q.shape[2] as number, keys.shape[2] as number];
  require(q.shape.length === 4 &&
    keys.shape.length === 4, 'q (B,T,H,K) and keys (B,S,G,K)', inputs);
  require(sameShape(
    withLast(values.shape, 0),
    withLast(keys.shape, 0),
  ), 'keys and values of the same rows', inputs);
  requireOneKind([q, keys, values], inputs);
  require(heads % groups === 0, 'q with a multiple of the heads of keys', inputs);
  require(lastDim(q) === lastDim(keys), 'q and keys of one K', inputs);
  require(lastDim(values) >= attrs.valueWidth, 'values at least valueWidth wide', inputs);
  requireChosen(chosen, q, inputs);
  return tensor('f32', [q.shape[0]!, q.shape[1]!, heads, attrs.valueWidth]);
}

/** Rows chosen for each token of q. */
function requireChosen(
  chosen: TensorType | undefined,
  q: TensorType,
  inputs: readonly TensorType[],
): void {
  if (chosen === undefined) return;
  const fits =
    chosen.dtype === 'i32' &&
    chosen.shape.length === 3 &&
    sameShape(chosen.shape.slice(0, 2), q.shape.slice(0, 2));
  require(fits, 'with chosen rows i32 (B,T,k)', inputs);
}

/** Inputs of topRows or topBlocks by name: with three there are no weights, with five there are blocks. */
export function partsOfTopRows<Input>(inputs: readonly Input[]): {
  readonly q: Input;
  readonly weights: Input | undefined;
  readonly keys: Input;
  readonly position: Input;
  readonly blocks: Input | undefined;
} {
  const [q, ...rest] = inputs as [Input, ...Input[]];
  const weights = rest.length > 2 ? rest.shift() : undefined;
  const [keys, position, blocks] = rest as [Input, Input, Input?];
  return { q, weights, keys, position, blocks };
}

function inferTopRows(
  inputs: readonly TensorType[],
  { topK, blockRows }: OpAttrs['topRows'],
): TensorType {
  const { q, weights = tensor('f32', q.shape.slice(0, 3)), keys, blocks } = partsOfTopRows(inputs);
  requireChosen(blocks, q, inputs);
  require((blocks === undefined) ===
    (blockRows === undefined), 'with blocks if they have blockRows', inputs);
  return chosenType([q, weights, keys], topK, inputs);
}

function inferTopBlocks(inputs: readonly TensorType[], { topK }: OpAttrs['topBlocks']): TensorType {
  return chosenType(inputs.slice(0, 3) as [TensorType, TensorType, TensorType], topK, inputs);
}

/** The type of `topK` places for each token, of an indexer with these queries, weights and keys. */
function chosenType(
  [q, weights, keys]: readonly [TensorType, TensorType, TensorType],
  topK: number,
  inputs: readonly TensorType[],
): TensorType {
  requireFloat([weights], inputs);
  requireOneKind([q, keys], inputs);
  require(q.shape.length === 4 &&
    sameShape(weights.shape, q.shape.slice(0, 3)), 'q (B,T,H,K) and weights (B,T,H)', inputs);
  require(keys.shape.length === 4 &&
    keys.shape[2] === 1 &&
    lastDim(keys) === lastDim(q), 'q and keys (B,S,1,K) of one K', inputs);
  return tensor('i32', [q.shape[0]!, q.shape[1]!, topK]);
}

/** Channels of rows that hold `channels`: blocks of MX are filled up with zeros. */
function widthOf(dtype: TensorType['dtype'], channels: number): number {
  return isMx(dtype) ? wholeBlocks(channels) : channels;
}

function inferExperts(inputs: readonly TensorType[]): TensorType {
  const [x, gates, gate, up, down] = inputs as [
    TensorType,
    TensorType,
    TensorType,
    TensorType,
    TensorType,
  ];
  const [experts, width] = [lastDim(gates), lastDim(x)];
  const filled = (extent: Dim): number => widthOf(x.dtype, extent as number);
  require(sameShape(
    withLast(gates.shape, 0),
    withLast(x.shape, 0),
  ), 'x (B,T,D) and gates (B,T,E)', inputs);
  require(gate.shape.length === 3 && down.shape.length === 3, 'weights of three axes', inputs);
  requireFloat([gates], inputs);
  requireOneKind([x, gate, up, down], inputs);
  require(gate.shape[0] === experts &&
    down.shape[0] === experts, 'gate and down with a weight for each of gates', inputs);
  require(lastDim(gate) === width &&
    sameShape(gate.shape, up.shape), 'gate and up (E,F,D)', inputs);
  require(filled(down.shape[1]!) === width &&
    lastDim(down) === filled(gate.shape[1]!), 'down (E,D,F)', inputs);
  return tensor('f32', withLast(x.shape, down.shape[1] as number));
}

function inferConcat(inputs: readonly TensorType[]): TensorType {
  const lead = withLast(inputs[0]!.shape, 0);
  const fits = inputs.every(
    (t) => sameShape(withLast(t.shape, 0), lead) && t.dtype === inputs[0]!.dtype,
  );
  require(fits, 'equal in all but the last axis', inputs);
  return tensor(
    inputs[0]!.dtype,
    withLast(
      lead,
      inputs.reduce((sum, t) => sum + lastDim(t), 0),
    ),
  );
}

function inferSlice(inputs: readonly TensorType[], { start, size }: OpAttrs['slice']): TensorType {
  require(start >= 0 &&
    size > 0 &&
    start + size <= lastDim(inputs[0]!), `at least ${start + size} wide`, inputs);
  return tensor(inputs[0]!.dtype, withLast(inputs[0]!.shape, size));
}

function inferSplit(inputs: readonly TensorType[], { heads }: OpAttrs['splitHeads']): TensorType {
  const [x] = inputs as [TensorType];
  require(x.shape.length === 3 && lastDim(x) % heads === 0, `(B,T,${heads}·K)`, inputs);
  return tensor(x.dtype, [x.shape[0]!, x.shape[1]!, heads, lastDim(x) / heads]);
}

function inferMerge(inputs: readonly TensorType[]): TensorType {
  const [x] = inputs as [TensorType];
  require(x.shape.length === 4, '(B,T,H,K)', inputs);
  return tensor(x.dtype, [x.shape[0]!, x.shape[1]!, (x.shape[2] as number) * lastDim(x)]);
}

function inferRepeat(inputs: readonly TensorType[], { heads }: OpAttrs['repeatHeads']): TensorType {
  const [x] = inputs as [TensorType];
  require(x.shape.length === 4 && x.shape[2] === 1, '(B,T,1,K)', inputs);
  return tensor(x.dtype, [x.shape[0]!, x.shape[1]!, heads, lastDim(x)]);
}

function inferLastToken(inputs: readonly TensorType[]): TensorType {
  const shape: Shape = inputs[0]!.shape;
  require(shape.length >= 2, '(B,T,…)', inputs);
  return tensor(inputs[0]!.dtype, [shape[0]!, 1, ...shape.slice(2)]);
}

function inferEmbedding(inputs: readonly TensorType[]): TensorType {
  const [tokens, table] = inputs as [TensorType, TensorType];
  require(tokens.dtype === 'i32' &&
    table.shape.length === 2, 'tokens i32 (B,T) and table (V,D)', inputs);
  requireFloat([table], inputs);
  return tensor('f32', [...tokens.shape, lastDim(table)]);
}

function inferAppend(inputs: readonly TensorType[]): TensorType {
  const [state, x] = inputs as [TensorType, TensorType];
  require(state.dtype === x.dtype, 'state and rows of one dtype', inputs);
  require(state.shape.length === 4 &&
    state.shape[1] === 'S' &&
    x.shape.length === 4, 'state (B,S,G,K) and rows (B,T,G,K)', inputs);
  require(sameShape(
    state.shape.slice(2),
    x.shape.slice(2),
  ), 'state (B,S,G,K) and rows (B,T,G,K)', inputs);
  return state;
}

function inferRms(inputs: readonly TensorType[]): TensorType {
  const [x, w = tensor('f32', [lastDim(inputs[0]!)])] = inputs as [TensorType, TensorType?];
  require(w.shape.length === 1 && lastDim(w) === lastDim(x), 'x (…,D) and weight (D)', inputs);
  requireFloat(inputs, inputs);
  return x;
}

function inferLayerNorm(inputs: readonly TensorType[]): TensorType {
  const [x, w, bias] = inputs as [TensorType, TensorType, TensorType];
  require(sameType(w, bias), 'weight and bias of one type', inputs);
  return inferRms([x, w]);
}

function inferRotary(inputs: readonly TensorType[], attrs: OpAttrs['rotaryEmbedding']): TensorType {
  const [x] = inputs as [TensorType, TensorType];
  require(x.shape.length === 4, 'x (B,T,H,K) and position', inputs);
  require(lastDim(x) ===
    2 *
      attrs.frequencies
        .length, `x of ${attrs.frequencies.length} channel pairs, one a frequency`, inputs);
  requireFloat([x], inputs);
  return x;
}

function inferTranspose(inputs: readonly TensorType[]): TensorType {
  const { dtype, shape } = inputs[0]!;
  require(shape.length >= 2, 'of at least two axes', inputs);
  requireFloat(inputs, inputs);
  return tensor(dtype, [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!]);
}

function inferRoute(inputs: readonly TensorType[], attrs: RouteAttrs): TensorType {
  const experts = lastDim(inputs[0]!);
  const bias = inputs[1] ?? tensor('f32', [experts]);
  require(sameShape(bias.shape, [experts]), 'logits (B,T,E) and bias (E)', inputs);
  requireFloat(inputs, inputs);
  require(experts % attrs.groups === 0 &&
    attrs.topGroups <= attrs.groups, `logits of ${attrs.groups} whole groups`, inputs);
  require(attrs.topK <=
    (experts / attrs.groups) *
      attrs.topGroups, `logits with ${attrs.topK} eligible experts`, inputs);
  return inputs[0]!;
}

function inferRouteByToken(inputs: readonly TensorType[]): TensorType {
  const [logits, tokens, table] = inputs as [TensorType, TensorType, TensorType];
  requireFloat([logits, table], inputs);
  require(tokens.dtype === 'i32' &&
    sameShape(
      tokens.shape,
      logits.shape.slice(0, 2),
    ), 'logits (B,T,E) and tokens i32 (B,T)', inputs);
  require(table.shape.length === 2, 'a table (V,k)', inputs);
  return logits;
}

function inferHyper(
  inputs: readonly TensorType[],
  { streams: n }: HyperConnectionAttrs,
): TensorType {
  const [x, scale, base] = inputs as [TensorType, TensorType, TensorType];
  requireFloat(inputs, inputs);
  const all = lastDim(x) === n * (n + 2);
  require(all || lastDim(x) === n, `logits ${n} or ${n * (n + 2)} wide`, inputs);
  require(sameShape(base.shape, [lastDim(x)]) &&
    sameShape(scale.shape, [all ? 3 : 1]), 'scale (3), or (1) for one part, and base (M)', inputs);
  return x;
}

function inferMix(inputs: readonly TensorType[]): TensorType {
  const [c, x] = inputs as [TensorType, TensorType];
  requireFloat(inputs, inputs);
  require(c.shape.length === 3 &&
    x.shape.length === 4, 'coefficients (B,T,m·n) and x (B,T,n,D)', inputs);
  const m = lastDim(c) / (x.shape[2] as number);
  require(Number.isInteger(m) &&
    sameShape(
      c.shape.slice(0, 2),
      x.shape.slice(0, 2),
    ), 'coefficients (B,T,m·n) and x (B,T,n,D)', inputs);
  return tensor('f32', [x.shape[0]!, x.shape[1]!, m, lastDim(x)]);
}

function inferCompress(
  inputs: readonly TensorType[],
  { tokensPerRow, overlap }: OpAttrs['compress'],
): TensorType {
  const [state, rows, , bias] = inputs as [TensorType, TensorType, TensorType, TensorType?];
  const [C, parts] = [lastDim(rows), overlap ? 4 : 2];
  requireFloat([state, rows, bias ?? rows], inputs);
  require(rows.shape.length === 3 && C % parts === 0, `rows (B,T,${parts}·K)`, inputs);
  const fits = bias === undefined || sameShape(bias.shape, [tokensPerRow, C / 2]);
  require(fits, `bias (${tokensPerRow},C/2)`, inputs);
  const kept = tokensPerRow * (overlap ? 2 : 1) - 1;
  require(sameShape(state.shape, [rows.shape[0]!, kept, C]), `state (B,${kept},C)`, inputs);
  return tensor('f32', [rows.shape[0]!, rows.shape[1]!, C / parts]);
}

function inferWindowAttention(inputs: readonly TensorType[]): TensorType {
  const [state, q, rows, sinks] = inputs as [TensorType, TensorType, TensorType, TensorType];
  const [entries, chosen] = inputs.slice(5);
  requireFloat([sinks], inputs);
  requireOneKind([state, q, rows, entries ?? q], inputs);
  const K = lastDim(q);
  require(q.shape.length === 4 &&
    sameShape(rows.shape, [
      q.shape[0]!,
      q.shape[1]!,
      1,
      K,
    ]), 'q (B,T,H,K) and rows (B,T,1,K)', inputs);
  require(sameShape(sinks.shape, [q.shape[2]!]), 'sinks (H)', inputs);
  require(sameShape(state.shape, [q.shape[0]!, state.shape[1]!, 1, K]), 'state (B,W,1,K)', inputs);
  const fits = entries === undefined || sameShape(entries.shape.slice(2), [1, K]);
  require(fits, 'entries (B,S,1,K)', inputs);
  requireChosen(chosen, q, inputs);
  return tensor('f32', q.shape);
}

function inferFakeQuantize(
  inputs: readonly TensorType[],
  { group }: FakeQuantizeAttrs,
): TensorType {
  const [x] = inputs as [TensorType];
  require(lastDim(x) % group === 0, `rows of whole groups of ${group}`, inputs);
  return unary(inputs);
}

function inferNGramGate(inputs: readonly TensorType[]): TensorType {
  const [x, keys, ...weights] = inputs as [TensorType, TensorType, TensorType, TensorType];
  requireFloat(inputs, inputs);
  require(x.shape.length === 4 && sameType(x, keys), 'x and keys (B,T,n,D)', inputs);
  require(weights.every((w) => sameShape(w.shape, x.shape.slice(2))), 'weights (n,D)', inputs);
  return tensor('f32', x.shape.slice(0, 3));
}

function inferQuantize(inputs: readonly TensorType[], attrs: OpAttrs['quantize']): TensorType {
  const [x] = inputs as [TensorType];
  requireFloat([x], inputs);
  require(attrs.group % MX_BLOCK === 0, `in groups of ${MX_BLOCK}·n elements`, inputs);
  const width = Math.ceil(lastDim(x) / attrs.group) * attrs.group;
  return tensor(attrs.format, withLast(x.shape, width));
}

function inferArgMax(inputs: readonly TensorType[]): TensorType {
  requireFloat(inputs, inputs);
  lastDim(inputs[0]!);
  return tensor('i32', inputs[0]!.shape.slice(0, -1));
}

function inferBlockRows(
  inputs: readonly TensorType[],
  { tokensPerRow: n }: OpAttrs['blockRows'],
): TensorType {
  const [blocks] = inputs as [TensorType, TensorType];
  const fits = blocks.dtype === 'i32' && blocks.shape.length === 3;
  require(fits, 'blocks i32 (B,T,k) and position', inputs);
  return tensor('i32', withLast(blocks.shape, lastDim(blocks) * n + n - 1));
}

function inferNgramRows(
  inputs: readonly TensorType[],
  { multipliers, moduli }: NgramAttrs,
): TensorType {
  const [state, tokens, , classes] = inputs as [TensorType, TensorType, TensorType, TensorType?];
  const past = multipliers.length / 2 - 1;
  require(past > 0 && moduli.length % past === 0, `of ${past} sizes with as many parts`, inputs);
  require(tokens.dtype === 'i32' && tokens.shape.length === 2, 'tokens i32 (B,T)', inputs);
  requireFloat([state, classes ?? state], inputs);
  require(sameShape(state.shape, [tokens.shape[0]!, past]), `state (B,${past})`, inputs);
  require(classes === undefined || classes.shape.length === 1, 'classes (V)', inputs);
  return tensor('i32', [...tokens.shape, moduli.length]);
}

/** Of one type, to one number a row. */
function inferDot(inputs: readonly TensorType[]): TensorType {
  return tensor('f32', withLast(binary(inputs).shape, 1));
}

function inferConvolution(
  inputs: readonly TensorType[],
  { dilation = 1 }: OpAttrs['causalConvolution'],
): TensorType {
  const [state, x, w] = inputs as [TensorType, TensorType, TensorType];
  const [B, T] = x.shape;
  const C = lastDim(x);
  requireFloat([state, x, w], inputs);
  require(x.shape.length === 3 &&
    w.shape.length === 2 &&
    w.shape[0] === C &&
    lastDim(w) > 1, 'x (B,T,C) and weight (C,W), W from 2', inputs);
  const past = (lastDim(w) - 1) * dilation;
  const required = dilation === 1 ? 'state (B,W-1,C)' : `state (B,(W-1)·${dilation},C)`;
  require(sameShape(state.shape, [B!, past, C]), required, inputs);
  return tensor('f32', [B!, T!, C]);
}

function inferDelta(inputs: readonly TensorType[]): TensorType {
  const [state, q, k, v, decay, beta] = inputs as [
    TensorType,
    TensorType,
    TensorType,
    TensorType,
    TensorType,
    TensorType,
  ];
  requireFloat(inputs.slice(0, 6), inputs);
  require(q.shape.length === 4 &&
    v.shape.length === 4 &&
    sameShape(q.shape, k.shape), 'q and k (B,T,G,K) and v (B,T,H,V)', inputs);
  const [B, T, H] = v.shape as readonly [Dim, Dim, number, number];
  require(H % (q.shape[2] as number) === 0 &&
    sameShape(q.shape.slice(0, 2), [B, T]), 'v with a multiple of the heads of q', inputs);
  require(sameShape(decay.shape, [B, T, H]) &&
    sameShape(beta.shape, [B, T, H]), 'decay and beta (B,T,H)', inputs);
  require(sameShape(state.shape, [B, H, lastDim(k), lastDim(v)]), 'state (B,H,K,V)', inputs);
  return v;
}

/** The rules, in the order documentation lists them. */
export const OPS: { readonly [O in Op]: OpRule<O> } = {
  input: {
    summary: 'tokens i32 (B,T) or the start position of each sequence i32 (B)',
    arity: [0, 0],
    infer: (_, a) => a.type,
  },
  weight: { summary: 'a constant, loaded by name', arity: [0, 0], infer: (_, a) => a.type },
  state: {
    summary: 'what a sequence keeps between steps: rows (B,S,G,K), or (B,…) of fixed extents',
    arity: [0, 0],
    infer: (_, a) => a.type,
  },
  splitHeads: { summary: '(B,T,H·K) → (B,T,H,K)', arity: [1, 1], infer: inferSplit },
  mergeHeads: { summary: '(B,T,H,K) → (B,T,H·K)', arity: [1, 1], infer: inferMerge },
  repeatHeads: { summary: '(B,T,1,K) → (B,T,H,K)', arity: [1, 1], infer: inferRepeat },
  slice: { summary: 'a range of the last axis', arity: [1, 1], infer: inferSlice },
  concat: { summary: 'joins along the last axis', arity: [1, 16], infer: inferConcat },
  transpose: {
    summary: 'swaps the last two axes; of weights only, folded at compile time',
    arity: [1, 1],
    infer: inferTranspose,
  },
  lastToken: {
    summary: '(B,T,…) → (B,1,…): the last token of each sequence',
    arity: [1, 1],
    infer: inferLastToken,
  },
  embedding: {
    summary: 'rows of a table (V,D) by token, or by several indices a token → (B,T,…,D)',
    arity: [2, 2],
    infer: inferEmbedding,
  },
  append: {
    summary: 'state, rows (B,T,G,K), position → state with the rows written at position',
    arity: [3, 3],
    stateOperand: 0,
    infer: inferAppend,
  },
  add: {
    summary: 'a + b; b may be a row (D) or a number a row (…,1)',
    arity: [2, 2],
    infer: broadcast,
  },
  mul: {
    summary: 'a · b; b may be a row (D) or a number a row (…,1)',
    arity: [2, 2],
    infer: broadcast,
  },
  sigmoid: { summary: '1 / (1 + exp(−x))', arity: [1, 1], infer: unary },
  softplus: { summary: 'ln(1 + exp(x))', arity: [1, 1], infer: unary },
  silu: { summary: 'x · sigmoid(x)', arity: [1, 1], infer: unary },
  swiglu: {
    summary: 'silu(gate) · up, both within a limit if there is one',
    arity: [2, 2],
    infer: binary,
  },
  rmsNormalization: {
    summary: 'x · rsqrt(mean(x²)+ε) · w over the last axis; w may be left out',
    arity: [1, 2],
    infer: inferRms,
  },
  layerNormalization: {
    summary:
      '(x − mean(x)) · rsqrt(variance(x)+ε) · w + b over the last axis; inputs x, w (D), b (D)',
    arity: [3, 3],
    infer: inferLayerNorm,
  },
  l2Normalization: {
    summary: 'x · rsqrt(Σx²+ε) over the last axis',
    arity: [1, 1],
    infer: unary,
  },
  rotaryEmbedding: {
    summary: 'rotates channel pairs of (B,T,H,K) by position · frequency; inputs x, position',
    arity: [2, 2],
    infer: inferRotary,
  },
  signedRoot: {
    summary: 'sign(x) · √max(|x|, smallest), 0 of 0',
    arity: [1, 1],
    infer: unary,
  },
  dot: { summary: 'Σ a · b over the last axis → (…,1)', arity: [2, 2], infer: inferDot },
  argMax: {
    summary: 'index of the largest element of the last axis, the first of equals → i32',
    arity: [1, 1],
    infer: inferArgMax,
  },
  quantize: {
    summary: 'f32 → MX; `group` elements share one scale, zeros fill the last group',
    arity: [1, 1],
    infer: inferQuantize,
  },
  fakeQuantize: {
    summary: 'x rounded to a format of few bits, `group` elements with one scale, as f32',
    arity: [1, 1],
    infer: inferFakeQuantize,
  },
  linear: { summary: 'x (…,K) · weight (N,K)ᵀ → (…,N)', arity: [2, 2], infer: inferLinear },
  headLinear: {
    summary: 'a linear for each head: x (B,T,H|1,K), weight (H,N,K) → (B,T,H,N)',
    arity: [2, 2],
    infer: inferHeadLinear,
  },
  attention: {
    summary:
      'causal softmax(q·keysᵀ·scale)·values; inputs q, keys, values, position, optional chosen rows i32 (B,T,k), −1 for none → (B,T,H,valueWidth)',
    arity: [4, 5],
    infer: inferAttention,
  },
  topRows: {
    summary:
      'the topK visible rows with the largest Σ_h weights_h·relu(q_h·key), of equals the first, ascending, −1 where there are fewer; inputs q (B,T,H,K), weights (B,T,H), keys (B,S,1,K), position, optional blocks i32 (B,T,n) that the rows are of → i32 (B,T,topK); without blocks weights may be left out',
    arity: [3, 5],
    infer: inferTopRows,
  },
  topBlocks: {
    summary:
      'the topK blocks of rows with the largest best row as in topRows, that of the newest visible row before all others, ascending, −1 where there are fewer; inputs q (B,T,H,K), weights (B,T,H), keys (B,S,1,K), position → i32 (B,T,topK)',
    arity: [4, 4],
    infer: inferTopBlocks,
  },
  route: {
    summary:
      'router logits (B,T,E) and optional bias (E) → gates (B,T,E), zero for experts not chosen',
    arity: [1, 2],
    infer: inferRoute,
  },
  experts: {
    summary:
      'Σ_e gate_e · down_e(silu(gate_e x) · up_e x); inputs x, gates, gate, up (E,F,D), down (E,D,F)',
    arity: [5, 5],
    infer: inferExperts,
  },
  causalConvolution: {
    summary:
      'Σ_j weight[c][j] · x[t−(W−1−j)·dilation][c]: each channel with its own past; inputs state (B,(W−1)·dilation,C) of the last x, x (B,T,C), weight (C,W), position → (B,T,C)',
    arity: [4, 4],
    stateOperand: 0,
    infer: inferConvolution,
  },
  gatedDelta: {
    summary:
      'the gated delta rule, S ← e^decay·S, S ← S + k·(beta·(v − Sᵀk))ᵀ, out = scale·Sᵀq; inputs state S (B,H,K,V), q, k (B,T,G,K), v (B,T,H,V), decay, beta (B,T,H), position → (B,T,H,V)',
    arity: [7, 7],
    stateOperand: 0,
    infer: inferDelta,
  },
  routeByToken: {
    summary:
      'as route, but the experts are those of a table (V,k) by token; inputs logits (B,T,E), tokens, table → gates (B,T,E)',
    arity: [3, 3],
    infer: inferRouteByToken,
  },
  hyperConnection: {
    summary:
      'coefficients of n residual streams, pre σ(·)+ε, post 2σ(·) and the transposed Sinkhorn matrix, of logits·scale+base; inputs logits (B,T,n·(n+2)), or n for pre alone, scale (3|1), base',
    arity: [3, 3],
    infer: inferHyper,
  },
  mixHeads: {
    summary: 'out_m = Σ_n c[m][n]·x_n for each token; inputs c (B,T,m·n), x (B,T,n,D) → (B,T,m,D)',
    arity: [2, 2],
    infer: inferMix,
  },
  compress: {
    summary:
      'where a token ends a window of tokensPerRow, Σ_j softmax_j(gate_j+bias_j)·value_j by channel, with overlap over the window before too; inputs state (B,R,C) of the last rows, rows (B,T,C) of values and gates, position, optional bias → (B,T,K)',
    arity: [3, 4],
    stateOperand: 0,
    infer: inferCompress,
  },
  nGramGate: {
    summary:
      'how well streams and keys agree, σ(±√|d|) of d = Σ x̂·k̂·w·v/√D, both normalised without weights; inputs x, keys (B,T,n,D), w, v (n,D) → (B,T,n)',
    arity: [4, 4],
    infer: inferNGramGate,
  },
  windowAttention: {
    summary:
      'softmax over the last W rows and entries, with a logit of each head that has no value; inputs state (B,W,1,K) of the last rows, q (B,T,H,K), rows (B,T,1,K) that are keys and values, sinks (H), position, optional entries (B,S,1,K), chosen entries (B,T,k) → (B,T,H,K)',
    arity: [5, 7],
    stateOperand: 0,
    infer: inferWindowAttention,
  },
  blockRows: {
    summary:
      'the rows of the blocks chosen (B,T,k) and those after the last complete block that a token sees, ascending, then −1; inputs blocks, −1 for none, position → i32 (B,T,k·n+n−1), n = tokensPerRow',
    arity: [2, 2],
    infer: inferBlockRows,
  },
  ngramRows: {
    summary:
      'for each size of n-gram and part of the table, (⊕_j id[t−j]·multiplier[j]) mod the rows of the part, behind those of the parts before, in 64 bits; inputs state (B,n−1) of the last ids, tokens, position, optional class of each token (V), which is its id then → i32 (B,T,parts)',
    arity: [3, 4],
    stateOperand: 0,
    infer: inferNgramRows,
  },
};
