/** Attention to chosen rows: the indexer that chooses them, and what it needs. */
import { lastDim, type Node } from '../../src/ir/index.ts';
import type { Case, Sketch } from './case.ts';

function layerNorm(s: Sketch, x: Node): Node {
  const [weight, bias] = [s.weight([lastDim(x.type)], () => 1.5), s.weight([lastDim(x.type)])];
  return s.node('layerNormalization', [x, weight, bias], { epsilon: 1e-6 });
}

/** The rows that an indexer of `heads` heads chooses for each token of `x`. */
function chosenRows(s: Sketch, x: Node, heads: number, topK: number): Node {
  const keys = s.append(s.heads(x, 1, 32));
  const inputs = [s.heads(x, heads, 32), s.linear(x, heads), keys, s.position];
  return s.node('topRows', inputs, { topK });
}

/** Attention of 4 heads over 2 to the rows chosen. */
function attentionTo(s: Sketch, x: Node, chosen: Node): Node {
  const [keys, values] = [s.append(s.heads(x, 2, 32)), s.append(s.heads(x, 2, 32))];
  const inputs = [s.heads(x, 4, 32), keys, values, s.position, chosen];
  return s.logits(s.merge(s.node('attention', inputs, { scale: 0.2, valueWidth: 32 })));
}

export const SELECTION: readonly Case[] = [
  {
    op: 'layerNormalization',
    name: 'rows of a projection',
    build: (s) => s.logits(layerNorm(s, s.linear(s.rows(64), 96))),
  },
  {
    op: 'layerNormalization',
    name: 'each head of a value',
    build: (s) => s.logits(s.merge(layerNorm(s, s.split(s.rows(96), 3)))),
  },
  ...[1, 8, 100].map((topK): Case => ({
    op: 'topRows',
    name: `${topK} rows, that attention reads`,
    build: (s) => {
      const x = s.norm(s.rows(64));
      return attentionTo(s, x, chosenRows(s, x, 5, topK));
    },
  })),
  ...[1, 4, 100].map((topK): Case => ({
    op: 'topBlocks',
    name: `${topK} blocks of 3 rows, of which 5 are chosen`,
    build: (s) => {
      const x = s.norm(s.rows(64));
      const inputs = [s.heads(x, 3, 32), s.linear(x, 3), s.append(s.heads(x, 1, 32)), s.position];
      const blocks = s.node('topBlocks', inputs, { topK, blockRows: 3 });
      const chosen = s.node('topRows', [...inputs, blocks], { topK: 5, blockRows: 3 });
      return attentionTo(s, x, chosen);
    },
  })),
];
