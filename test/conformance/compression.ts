/** Compressed context and residual streams: a window with entries, their compressor, hyper-connections. */
import { lastDim, tensor, type Node } from '../../src/ir/index.ts';
import { uniform, VOCABULARY, type Case, type Feeding, type Sketch } from './case.ts';

/** A state that is replaced goes on or starts again: past the window of 16, and for two sequences. */
const FEEDINGS: readonly Feeding[] = [
  [
    { tokens: 41, positions: [0] },
    { tokens: 1, positions: [41] },
    { tokens: 6, positions: [42] },
  ],
  [
    { tokens: 19, positions: [0, 0] },
    { tokens: 3, positions: [19, 0] },
    { tokens: 1, positions: [22, 3] },
  ],
];

/** Pooled entries of K channels for so many tokens each. */
function pooled(s: Sketch, x: Node, K: number, overlap: boolean, tokensPerRow = 4): Node {
  const width = overlap ? 2 * K : K;
  const rows = s.node('concat', [s.linear(x, width), s.linear(x, width)], {});
  const type = tensor('f32', ['B', (overlap ? 2 : 1) * tokensPerRow - 1, 2 * width]);
  const bias = s.weight([tokensPerRow, width], uniform(1));
  return s.change('compress', type, [rows], { tokensPerRow, overlap }, [bias]);
}

/** The entries of a sequence, as a layer reads them. */
function entries(s: Sketch, x: Node, K: number, tokensPerRow = 4): Node {
  return s.append(s.split(pooled(s, x, K, true, tokensPerRow), 1), tokensPerRow);
}

function chosen(s: Sketch, x: Node, topK: number, tokensPerRow = 4): Node {
  const keys = entries(s, x, 16, tokensPerRow);
  const inputs = [s.heads(x, 3, 16), s.linear(x, 3), keys, s.position];
  return s.node('topRows', inputs, { topK, tokensPerRow });
}

/** Those of the best `topK` blocks of 2. */
function chosenWithin(s: Sketch, x: Node, topK: number, tokensPerRow: number): Node {
  const keys = entries(s, x, 16, tokensPerRow);
  const inputs = [s.heads(x, 3, 16), s.linear(x, 3), keys, s.position];
  const of = { blockRows: 2, tokensPerRow };
  const blocks = s.node('topBlocks', inputs, { topK, ...of });
  return s.node('topRows', [...inputs, blocks], { topK: 3, ...of });
}

/** Attention of 3 heads of 32 to a window of 16 and the entries. */
function windowed(s: Sketch, x: Node, read: readonly Node[], tokensPerRow: number): Node {
  const inputs = [s.heads(x, 3, 32), s.split(s.linear(x, 32), 1), s.weight([3], uniform(2))];
  const attrs = { scale: 0.2, ...(read.length > 0 && { tokensPerRow }) };
  const type = tensor('f32', ['B', 16, 1, 32]);
  return s.logits(s.merge(s.change('windowAttention', type, inputs, attrs, read)));
}

type Read = (s: Sketch, x: Node) => readonly Node[];

const WINDOWS: readonly (readonly [name: string, tokensPerRow: number, read: Read])[] = [
  ['the window alone', 1, () => []],
  ['the window and all entries', 4, (s, x) => [entries(s, x, 32)]],
  ['the window and entries chosen', 4, (s, x) => [entries(s, x, 32), chosen(s, x, 3)]],
  ['the window and all entries of 3 tokens', 3, (s, x) => [entries(s, x, 32, 3)]],
  ['entries of 3 tokens chosen', 3, (s, x) => [entries(s, x, 32, 3), chosen(s, x, 3, 3)]],
  ['entries of 3 tokens, more than any', 3, (s, x) => [entries(s, x, 32, 3), chosen(s, x, 99, 3)]],
  ['within a block of entries', 4, (s, x) => [entries(s, x, 32), chosenWithin(s, x, 1, 4)]],
  ['within blocks of 3 tokens', 3, (s, x) => [entries(s, x, 32, 3), chosenWithin(s, x, 3, 3)]],
];

function hyper(s: Sketch, x: Node, width: number): Node {
  const parts = [s.weight([width === 4 ? 1 : 3], uniform(1)), s.weight([width], uniform(1))];
  const attrs = { streams: 4, iterations: 20, epsilon: 1e-6 };
  return s.node('hyperConnection', [s.linear(x, width), ...parts], attrs);
}

export const COMPRESSION: readonly Case[] = [
  ...WINDOWS.map(([name, tokensPerRow, read]): Case => ({
    op: 'windowAttention',
    name,
    build: (s) => {
      const x = s.norm(s.rows(64));
      return windowed(s, x, read(s, x), tokensPerRow);
    },
    feedings: FEEDINGS,
  })),
  ...[true, false].map((overlap): Case => ({
    op: 'compress',
    name: overlap ? 'two windows in an entry' : 'a window in an entry',
    build: (s) => s.logits(s.node('add', [s.rows(32), pooled(s, s.rows(64), 32, overlap)], {})),
    feedings: FEEDINGS,
  })),
  {
    op: 'compress',
    name: 'a window of more rows than there is room for',
    build: (s) => {
      const pool = pooled(s, s.rows(64), 32, false, 32);
      const both = pooled(s, s.rows(64), 32, true, 32);
      return s.logits(s.node('add', [s.rows(32), s.node('add', [pool, both], {})], {}));
    },
    feedings: FEEDINGS,
  },
  { op: 'hyperConnection', name: 'all', build: (s) => s.logits(hyper(s, s.rows(64), 24)) },
  { op: 'hyperConnection', name: 'pre alone', build: (s) => s.logits(hyper(s, s.rows(64), 4)) },
  {
    op: 'mixHeads',
    name: 'four heads to two',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.merge(s.node('mixHeads', [s.linear(x, 8), s.heads(x, 4, 32)], {})));
    },
  },
  {
    op: 'routeByToken',
    name: 'two experts a token',
    build: (s) => {
      const table = s.weight([VOCABULARY, 2], (i) => (i * 5 + Math.floor(i / 2)) % 32);
      const attrs = { scoring: 'sqrtSoftplus', normalize: true, scale: 1.5 } as const;
      const logits = s.linear(s.norm(s.rows(64)), 32);
      return s.logits(s.node('routeByToken', [logits, s.tokens, table], attrs));
    },
  },
  {
    op: 'route',
    name: 'the best of all by the root of softplus',
    build: (s) => {
      const inputs = [s.linear(s.norm(s.rows(64)), 32), s.weight([32], uniform(0.5))];
      const attrs = { groups: 1, topGroups: 1, topK: 3, normalize: true, scale: 2.5 };
      return s.logits(s.node('route', inputs, { scoring: 'sqrtSoftplus', ...attrs }));
    },
  },
  {
    op: 'swiglu',
    name: 'within a limit',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('swiglu', [s.linear(x, 96), s.linear(x, 96)], { limit: 0.5 }));
    },
  },
  {
    op: 'rmsNormalization',
    name: 'without a weight',
    build: (s) => {
      const x = s.linear(s.rows(64), 96);
      return s.logits(s.node('rmsNormalization', [x], { epsilon: 1e-6 }));
    },
  },
  {
    op: 'rotaryEmbedding',
    name: 'three tokens before the own position',
    build: (s) => {
      const x = s.heads(s.rows(64), 2, 32);
      const frequencies = Array.from({ length: lastDim(x.type) / 2 }, (_, i) => 0.5 ** i);
      const attrs = { layout: 'interleaved', frequencies, magnitude: 1, offset: -3 } as const;
      return s.logits(s.merge(s.node('rotaryEmbedding', [x, s.position], attrs)));
    },
  },
];
