/** What the attributes of each op may be: one table for the verifier, the printer and the parser. */
import type { Op, OpAttrs } from './ops.table.ts';
import { MX_FORMATS } from './types.ts';

/** Kinds of attribute; a list means one of these words. Numbers are finite. */
export type AttributeKind =
  | 'text'
  | 'count' // integer ≥ 1
  | 'index' // integer ≥ 0
  | 'number'
  | 'flag'
  | 'optional flag'
  | 'optional count'
  | 'optional number'
  | 'numbers'
  | readonly string[];

/** An entry for each attribute but `type`, which every node has anyway. */
type Attributes<O extends Op> = {
  readonly [K in Exclude<keyof OpAttrs[O], 'type'>]-?: AttributeKind;
};

export const ATTRIBUTES: { readonly [O in Op]: Attributes<O> } = {
  input: { name: ['tokens', 'position', 'hidden'] },
  weight: { name: 'text' },
  state: { name: 'text' },
  splitHeads: { heads: 'count' },
  mergeHeads: {},
  repeatHeads: { heads: 'count' },
  slice: { start: 'index', size: 'count' },
  concat: {},
  transpose: {},
  lastToken: {},
  embedding: {},
  append: { tokensPerRow: 'optional count' },
  add: {},
  mul: {},
  sigmoid: {},
  softplus: {},
  silu: {},
  swiglu: { limit: 'optional number' },
  rmsNormalization: { epsilon: 'number' },
  layerNormalization: { epsilon: 'number' },
  l2Normalization: { epsilon: 'number' },
  rotaryEmbedding: {
    layout: ['half', 'interleaved'],
    frequencies: 'numbers',
    magnitude: 'number',
    offset: 'optional number',
  },
  signedRoot: { smallest: 'number' },
  dot: {},
  argMax: {},
  quantize: { format: MX_FORMATS, group: 'count', search: 'optional flag' },
  fakeQuantize: { format: ['e4m3', 'e2m1'], group: 'count', scale: ['powerOfTwo', 'e4m3'] },
  linear: {},
  headLinear: {},
  attention: { scale: 'number', valueWidth: 'count' },
  topRows: { topK: 'count', tokensPerRow: 'optional count', blockRows: 'optional count' },
  topBlocks: { topK: 'count', blockRows: 'count', tokensPerRow: 'optional count' },
  nGramGate: { epsilon: 'number' },
  route: {
    scoring: ['softmax', 'sigmoid', 'sqrtSoftplus'],
    topK: 'count',
    groups: 'count',
    topGroups: 'count',
    groupByBest: 'optional flag',
    normalize: 'flag',
    scale: 'number',
  },
  experts: { limit: 'optional number' },
  routeByToken: {
    scoring: ['softmax', 'sigmoid', 'sqrtSoftplus'],
    normalize: 'flag',
    scale: 'number',
  },
  hyperConnection: { streams: 'count', iterations: 'count', epsilon: 'number' },
  mixHeads: {},
  compress: { tokensPerRow: 'count', overlap: 'flag' },
  windowAttention: { scale: 'number', tokensPerRow: 'optional count' },
  blockRows: { tokensPerRow: 'count' },
  causalConvolution: { dilation: 'optional count' },
  ngramRows: {
    multipliers: 'numbers',
    moduli: 'numbers',
    padding: 'index',
    endsText: 'optional flag',
  },
  gatedDelta: { scale: 'number', chunk: 'count' },
};
