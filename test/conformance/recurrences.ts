/** Recurrences: states that a step replaces. */
import { lastDim, tensor, type Node } from '../../src/ir/index.ts';
import { uniform, type Case, type Feeding, type Sketch } from './case.ts';

/**
 * What a recurrent state allows: to go on, or to start again. One sequence in odd chunks, past the 64
 * tokens of a chunk; then two of which one starts again, and a third that joins.
 */
const FEEDINGS: readonly Feeding[] = [
  [
    { tokens: 71, positions: [0] },
    { tokens: 1, positions: [71] },
    { tokens: 2, positions: [72] },
  ],
  [
    { tokens: 5, positions: [0, 0] },
    { tokens: 3, positions: [5, 0] },
    { tokens: 1, positions: [8, 3] },
  ],
];

function convolution(s: Sketch, x: Node, width: number): Node {
  const C = lastDim(x.type);
  const weight = s.weight([C, width], uniform(Math.sqrt(3 / width)));
  return s.change('causalConvolution', tensor('f32', ['B', width - 1, C]), [x, weight], {});
}

/** G key heads of K channels, H value heads of V. */
function delta(s: Sketch, [G, K]: [number, number], [H, V]: [number, number], chunk = 1): Node {
  const x = s.rows(64);
  const unit = (heads: Node): Node => s.node('l2Normalization', [heads], { epsilon: 1e-6 });
  const decay = s.node('softplus', [s.linear(x, H)], {});
  const inputs = [
    unit(s.heads(x, G, K)),
    unit(s.heads(x, G, K)),
    s.heads(x, H, V),
    s.node('mul', [decay, s.weight([H], (_, random) => -random.float())], {}),
    s.node('sigmoid', [s.linear(x, H)], {}),
  ];
  const attrs = { scale: K ** -0.5, chunk };
  return s.logits(s.merge(s.change('gatedDelta', tensor('f32', ['B', H, K, V]), inputs, attrs)));
}

export const RECURRENCES: readonly Case[] = [
  {
    op: 'causalConvolution',
    name: 'of four tokens',
    build: (s) => s.logits(convolution(s, s.rows(64), 4)),
    feedings: FEEDINGS,
  },
  {
    op: 'causalConvolution',
    name: 'of two tokens, 37 channels, before silu',
    build: (s) => s.logits(s.node('silu', [convolution(s, s.rows(37), 2)], {})),
    feedings: FEEDINGS,
  },
  {
    op: 'gatedDelta',
    name: 'a key head for each value head',
    build: (s) => delta(s, [2, 32], [2, 32]),
    feedings: FEEDINGS,
  },
  {
    op: 'gatedDelta',
    name: 'a key head for three value heads, of odd widths',
    build: (s) => delta(s, [2, 18], [6, 13]),
    feedings: FEEDINGS,
  },
  {
    op: 'gatedDelta',
    name: 'in chunks of 64',
    build: (s) => delta(s, [1, 32], [2, 32], 64),
    feedings: FEEDINGS,
  },
];
