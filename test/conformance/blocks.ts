/** Attention to blocks of tokens, n-grams, and what goes with them. */
import { tensor, type Node } from '../../src/ir/index.ts';
import { uniform, type Case, type Feeding, type Sketch } from './case.ts';

/** Across ends of blocks and n-grams, for one sequence and for two of which one joins. */
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

/** Means of blocks of 4 as index keys, each rotated at the first token of its block. */
function blockKeys(s: Sketch, x: Node): Node {
  const shares = s.weight([16, 4], () => 1 / 4);
  const recent = tensor('f32', ['B', 3, 16]);
  const means = s.change('causalConvolution', recent, [s.linear(x, 16), shares], {});
  const frequencies = Array.from({ length: 8 }, (_, i) => 0.5 ** i);
  const attrs = { layout: 'half', frequencies, magnitude: 1, offset: -3 } as const;
  const turned = s.node('rotaryEmbedding', [s.norm(s.split(means, 1)), s.position], attrs);
  return s.append(turned, 4);
}

/** The rows of the best `topK` blocks and of the tokens behind the last one. */
function chosenRows(s: Sketch, x: Node, topK: number): Node {
  const inputs = [s.heads(x, 3, 16), blockKeys(s, x), s.position];
  const blocks = s.node('topRows', inputs, { topK, tokensPerRow: 4 });
  return s.node('blockRows', [blocks, s.position], { tokensPerRow: 4 });
}

function attentionTo(s: Sketch, x: Node, chosen: Node): Node {
  const [keys, values] = [s.append(s.heads(x, 2, 32)), s.append(s.heads(x, 2, 32))];
  const inputs = [s.heads(x, 4, 32), keys, values, s.position, chosen];
  return s.logits(s.merge(s.node('attention', inputs, { scale: 0.2, valueWidth: 32 })));
}

const attended =
  (topK: number) =>
  (s: Sketch): Node => {
    const x = s.norm(s.rows(64));
    return attentionTo(s, x, chosenRows(s, x, topK));
  };

export const BLOCKS: readonly Case[] = [
  { op: 'blockRows', name: 'of the best blocks', build: attended(3), feedings: FEEDINGS },
  {
    op: 'blockRows',
    name: 'of more blocks than there are',
    build: attended(50),
    feedings: FEEDINGS,
  },
  {
    op: 'ngramRows',
    name: '2-grams and 3-grams in two parts each',
    build: (s) => {
      const moduli = [53, 59, 61, 67];
      const attrs = {
        multipliers: [7, 77, 3, 12_345, 2 ** 30, 99],
        moduli,
        padding: 3,
        endsText: true,
      };
      const rows = s.change('ngramRows', tensor('f32', ['B', 2]), [s.tokens], attrs);
      const table = s.weight([240, 16], uniform(1.7));
      return s.logits(s.merge(s.node('embedding', [rows, table], {})));
    },
    feedings: FEEDINGS,
  },
  {
    op: 'causalConvolution',
    name: 'of four tokens, three apart',
    build: (s) => {
      const weight = s.weight([64, 4], uniform(0.9));
      const type = tensor('f32', ['B', 9, 64]);
      return s.logits(s.change('causalConvolution', type, [s.rows(64), weight], { dilation: 3 }));
    },
    feedings: FEEDINGS,
  },
  {
    op: 'dot',
    name: 'of heads, as gates by the signed root',
    build: (s) => {
      const x = s.rows(64);
      const agreement = s.node('dot', [s.heads(x, 4, 32), s.heads(x, 4, 32)], {});
      const root = s.node('signedRoot', [agreement], { smallest: 1e-6 });
      const gates = s.merge(s.node('sigmoid', [root], {}));
      return s.logits(s.merge(s.node('mixHeads', [gates, s.heads(x, 1, 32)], {})));
    },
  },
  {
    op: 'signedRoot',
    name: 'of both signs',
    build: (s) => s.logits(s.node('signedRoot', [s.linear(s.rows(64), 96)], { smallest: 0.01 })),
  },
];
