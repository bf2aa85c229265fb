/** Tables by n-gram, and values rounded to few bits. */
import { tensor, wordsOf, type FakeQuantizeAttrs, type Node } from '../../src/ir/index.ts';
import { uniform, VOCABULARY, type Case, type Feeding, type Sketch } from './case.ts';

const FEEDINGS: readonly Feeding[] = [
  [
    { tokens: 9, positions: [0] },
    { tokens: 1, positions: [9] },
    { tokens: 7, positions: [10] },
  ],
  [
    { tokens: 5, positions: [0, 0] },
    { tokens: 6, positions: [5, 5] },
  ],
];

const MODULI = [17, 19, 23, 29];
const ROWS = MODULI.reduce((sum, modulus) => sum + modulus, 0);
const MULTIPLIERS = [90_071_992_547_409n, 13n, 70_368_744_177_665n].flatMap(wordsOf);

/** Rows of 8 of a table by 2- and 3-grams, two parts each. */
function lookedUp(s: Sketch): Node {
  const classes = s.weight([VOCABULARY], (i) => Math.floor(i / 2));
  const attrs = { multipliers: MULTIPLIERS, moduli: MODULI, padding: 3 };
  const type = tensor('f32', ['B', 2]);
  const rows = s.change('ngramRows', type, [s.tokens], attrs, [classes]);
  return s.merge(s.node('embedding', [rows, s.weight([ROWS, 8], uniform(1))], {}));
}

const FORMATS: readonly FakeQuantizeAttrs[] = [
  { format: 'e4m3', group: 32, scale: 'powerOfTwo' },
  { format: 'e2m1', group: 32, scale: 'powerOfTwo' },
  { format: 'e2m1', group: 16, scale: 'e4m3' },
];

export const N_GRAM: readonly Case[] = [
  {
    op: 'ngramRows',
    name: '2- and 3-grams of classes, two parts each',
    build: (s) => s.logits(lookedUp(s)),
    feedings: FEEDINGS,
  },
  {
    op: 'nGramGate',
    name: 'of four streams',
    build: (s) => {
      const [x, keys] = [s.heads(s.rows(64), 4, 32), s.heads(s.rows(64), 4, 32)];
      const weights = [s.weight([4, 32], uniform(1)), s.weight([4, 32], uniform(1))];
      const gates = s.node('nGramGate', [x, keys, ...weights], { epsilon: 1e-20 });
      return s.logits(s.merge(s.node('mixHeads', [gates, x], {})));
    },
  },
  ...FORMATS.map((attrs): Case => ({
    op: 'fakeQuantize',
    name: `${attrs.format} in groups of ${attrs.group}`,
    build: (s) => s.logits(s.node('fakeQuantize', [s.rows(64)], attrs)),
  })),
];
