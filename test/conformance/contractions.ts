/** Contractions: embedding and linear, a linear for each head, attention and its state. */
import { lastDim, type Node } from '../../src/ir/index.ts';
import type { Case, Feeding, Sketch } from './case.ts';

export const LINEAR: readonly Case[] = [
  { op: 'input', name: 'tokens', build: (s) => s.logits(s.rows(64)) },
  {
    op: 'input',
    name: 'position',
    build: (s) => s.logits(s.merge(s.rotary(s.split(s.rows(64), 2), 'half'))),
  },
  { op: 'embedding', name: 'rows of 32', build: (s) => s.logits(s.rows(32)) },
  { op: 'embedding', name: 'rows of 544', build: (s) => s.logits(s.rows(544)) },
  {
    op: 'weight',
    name: 'a table that is the head too',
    build: (s) => {
      const table = s.table(64);
      const x = s.node('embedding', [s.tokens, table], {});
      return s.node('linear', [s.norm(s.linear(x, 64)), table], {});
    },
  },
  {
    op: 'weight',
    name: 'one matrix in two places',
    build: (s) => {
      const weight = s.weight([64, 64]);
      const x = s.node('linear', [s.rows(64), weight], {});
      return s.logits(s.node('linear', [s.norm(x), weight], {}));
    },
  },
  { op: 'linear', name: 'K = 32, a block', build: (s) => s.logits(s.linear(s.rows(32), 64)) },
  { op: 'linear', name: 'K = 512, a tile', build: (s) => s.logits(s.rows(512)) },
  { op: 'linear', name: 'K = 1056, tiles and a block', build: (s) => s.logits(s.rows(1056)) },
  { op: 'linear', name: 'K = 40, no whole blocks', build: (s) => s.logits(s.rows(40)) },
  { op: 'linear', name: 'N = 544', build: (s) => s.logits(s.linear(s.rows(64), 544)) },
  { op: 'linear', name: 'N = 5', build: (s) => s.linear(s.rows(64), 5) },
  {
    op: 'linear',
    name: 'three of one value',
    build: (s) => {
      const x = s.norm(s.rows(64));
      const [a, b, c] = [96, 96, 96].map((width) => s.linear(x, width)) as [Node, Node, Node];
      return s.logits(s.node('add', [s.node('mul', [a, b], {}), c], {}));
    },
  },
  {
    op: 'linear',
    name: 'every head with one weight',
    build: (s) => s.logits(s.merge(s.linear(s.norm(s.heads(s.rows(64), 3, 32)), 64))),
  },
  {
    op: 'linear',
    name: 'with a weight of zeros',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('add', [x, s.linear(x, 64, () => 0)], {}));
    },
  },
  {
    op: 'headLinear',
    name: 'three heads',
    build: (s) => headLinear(s, s.heads(s.rows(64), 3, 32), 3, 96),
  },
  {
    op: 'headLinear',
    name: 'one head for three weights',
    build: (s) => headLinear(s, s.split(s.norm(s.rows(64)), 1), 3, 32),
  },
  {
    op: 'headLinear',
    name: 'K = 544 and N = 160',
    build: (s) => headLinear(s, s.heads(s.rows(64), 2, 544), 2, 160),
  },
  {
    op: 'headLinear',
    name: 'K = 40, no whole blocks',
    build: (s) => headLinear(s, s.heads(s.rows(64), 2, 40), 2, 32),
  },
];

function headLinear(s: Sketch, x: Node, heads: number, width: number): Node {
  const weight = s.weight([heads, width, lastDim(x.type)]);
  return s.logits(s.merge(s.node('headLinear', [x, weight], {})));
}

interface Heads {
  readonly heads: number;
  readonly groups: number;
  readonly keyWidth: number;
  readonly valueWidth?: number;
}

/** Attention of `heads` query heads over `groups` key heads, all projected from one value. */
function attention(s: Sketch, { heads, groups, keyWidth, valueWidth = keyWidth }: Heads): Node {
  const x = s.norm(s.rows(64));
  const keys = s.append(s.heads(x, groups, keyWidth));
  const values = s.append(s.heads(x, groups, valueWidth));
  return s.logits(s.merge(s.attention(s.heads(x, heads, keyWidth), keys, values)));
}

/** As Qwen3 has it: heads normalised and rotated, four query heads for a key head, a residual. */
function normalisedAttention(s: Sketch): Node {
  const x = s.rows(64);
  const normal = s.norm(x);
  const rotated = (count: number): Node => s.rotary(s.norm(s.heads(normal, count, 32)), 'half');
  const values = s.append(s.heads(normal, 2, 32));
  const heads = s.attention(rotated(8), s.append(rotated(2)), values);
  return s.logits(s.node('add', [x, s.linear(s.merge(heads), 64)], {}));
}

/** One row [latent ; rotated channels] a token is the key of every head, its latent the value. */
function latentAttention(s: Sketch, latentWidth: number): Node {
  const x = s.rows(64);
  const rotated = (heads: number): Node => s.rotary(s.heads(x, heads, 32), 'interleaved');
  const latent = s.split(s.norm(s.linear(x, latentWidth)), 1);
  const rows = s.append(s.node('concat', [latent, rotated(1)], {}));
  const nope = s.node('headLinear', [s.heads(x, 4, 32), s.weight([4, latentWidth, 32])], {});
  const query = s.node('concat', [nope, rotated(4)], {});
  const heads = s.attention(query, rows, rows, { valueWidth: latentWidth });
  return headLinear(s, heads, 4, 32);
}

/** The same with keys and values of every head, which compilers may turn into the form above. */
function naiveLatentAttention(s: Sketch): Node {
  const x = s.rows(64);
  const rotated = (heads: number): Node => s.rotary(s.heads(x, heads, 32), 'interleaved');
  const latent = s.split(s.norm(s.linear(x, 64)), 1);
  const up = (): Node => s.node('headLinear', [latent, s.weight([4, 32, 64])], {});
  const shared = s.node('repeatHeads', [rotated(1)], { heads: 4 });
  const keys = s.append(s.node('concat', [up(), shared], {}));
  const values = s.append(up());
  const query = s.node('concat', [s.heads(x, 4, 32), rotated(4)], {});
  return s.logits(s.merge(s.attention(query, keys, values)));
}

/** Several steps, the last of which sees more than a hundred tokens. */
const LONG: readonly Feeding[] = [
  [
    { tokens: 33, positions: [0] },
    { tokens: 33, positions: [33] },
    { tokens: 33, positions: [66] },
    { tokens: 31, positions: [99] },
    { tokens: 1, positions: [130] },
    { tokens: 7, positions: [131] },
  ],
];

export const ATTENTION: readonly Case[] = [
  {
    op: 'attention',
    name: 'as many key heads as query heads',
    build: (s) => attention(s, { heads: 4, groups: 4, keyWidth: 32 }),
  },
  {
    op: 'attention',
    name: 'four query heads for a key head',
    build: (s) => attention(s, { heads: 8, groups: 2, keyWidth: 32 }),
  },
  {
    op: 'attention',
    name: 'one key head, 128 wide',
    build: (s) => attention(s, { heads: 3, groups: 1, keyWidth: 128 }),
  },
  {
    op: 'attention',
    name: 'values narrower than keys',
    build: (s) => attention(s, { heads: 2, groups: 2, keyWidth: 96, valueWidth: 32 }),
  },
  {
    op: 'attention',
    name: 'values wider than keys',
    build: (s) => attention(s, { heads: 4, groups: 2, keyWidth: 32, valueWidth: 64 }),
  },
  {
    op: 'attention',
    name: 'heads 40 wide, no whole blocks',
    build: (s) => attention(s, { heads: 2, groups: 2, keyWidth: 40 }),
  },
  {
    op: 'attention',
    name: 'normalised and rotated heads',
    build: normalisedAttention,
  },
  {
    op: 'attention',
    name: 'normalised and rotated heads in a long context',
    build: normalisedAttention,
    feedings: LONG,
  },
  {
    op: 'attention',
    name: 'a latent as key and value',
    build: (s) => latentAttention(s, 96),
  },
  {
    op: 'attention',
    name: 'a latent as key and value in a long context',
    build: (s) => latentAttention(s, 256),
    feedings: LONG,
  },
  {
    op: 'attention',
    name: 'keys and values of every head from a latent',
    build: naiveLatentAttention,
  },
  {
    op: 'attention',
    name: 'sharp: nearly all weight on one token',
    build: (s) => {
      const x = s.split(s.rows(64), 2);
      const rows = s.append(x);
      return s.logits(s.merge(s.attention(x, rows, rows, { scale: 4 })));
    },
  },
  {
    op: 'attention',
    name: 'flat: a scale that makes all tokens equal',
    build: (s) => {
      const rows = s.append(s.split(s.rows(64), 2));
      return s.logits(s.merge(s.attention(s.split(s.rows(64), 2), rows, rows, { scale: 1e-9 })));
    },
  },
];

export const STATE: readonly Case[] = [
  {
    op: 'state',
    name: 'two attentions, each with keys and values of its own',
    build: (s) => {
      const first = s.linear(attended(s, s.rows(64)), 64);
      return s.logits(attended(s, s.norm(first)));
    },
  },
  {
    op: 'append',
    name: 'rows as they are embedded',
    build: (s) => s.logits(attended(s, s.rows(64))),
  },
  {
    op: 'append',
    name: 'rows that two attentions read',
    build: (s) => {
      const x = s.norm(s.rows(64));
      const [keys, values] = [s.append(s.heads(x, 1, 32)), s.append(s.heads(x, 1, 32))];
      const read = (): Node => s.merge(s.attention(s.heads(x, 2, 32), keys, values));
      return s.logits(s.node('add', [read(), read()], {}));
    },
  },
  {
    op: 'append',
    name: 'rows that nothing reads yet',
    build: (s) => {
      const x = s.rows(64);
      s.append(s.heads(x, 2, 32));
      return s.logits(x);
    },
  },
];

/** What two heads of `x` see of the rows so far. */
function attended(s: Sketch, x: Node): Node {
  const heads = s.split(x, 2);
  return s.merge(s.attention(heads, s.append(heads), s.append(heads)));
}
