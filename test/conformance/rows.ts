/** Operators on rows: elementwise, norms, rotation, and those that move channels and tokens. */
import type { Node } from '../../src/ir/index.ts';
import { uniform, VOCABULARY, type Case, type Sketch } from './case.ts';

/** A residual: a value that is read by what is added to it. */
function residual(s: Sketch): Node {
  const x = s.rows(64);
  return s.node('add', [x, s.linear(x, 64)], {});
}

export const ELEMENTWISE: readonly Case[] = [
  { op: 'add', name: 'a residual', build: (s) => s.logits(residual(s)) },
  {
    op: 'add',
    name: 'a residual that is read again, and again added to',
    build: (s) => {
      const x = residual(s);
      const y = s.node('add', [s.linear(s.norm(x), 64), x], {});
      return s.logits(s.node('add', [s.linear(y, 64), x], {}));
    },
  },
  {
    op: 'add',
    name: 'two embeddings',
    build: (s) => s.logits(s.node('add', [s.rows(96), s.rows(96)], {})),
  },
  {
    op: 'add',
    name: 'a value and itself',
    build: (s) => {
      const x = s.linear(s.rows(64), 64);
      return s.logits(s.node('add', [x, x], {}));
    },
  },
  {
    op: 'add',
    name: 'values of heads, merged',
    build: (s) => {
      const [a, b] = [s.norm(s.split(s.rows(64), 2)), s.norm(s.split(s.rows(64), 2))];
      return s.logits(s.node('add', [s.merge(a), s.merge(b)], {}));
    },
  },
  {
    op: 'add',
    name: 'values of heads that are read again, merged',
    build: (s) => {
      const [a, b] = [s.norm(s.split(s.rows(64), 2)), s.norm(s.split(s.rows(64), 2))];
      const first = s.node('add', [s.merge(a), s.merge(b)], {});
      return s.logits(s.node('add', [first, s.merge(s.node('add', [b, a], {}))], {}));
    },
  },
  {
    op: 'mul',
    name: 'a projection and a value',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('mul', [s.linear(x, 64), x], {}));
    },
  },
  {
    op: 'mul',
    name: 'two embeddings',
    build: (s) => s.logits(s.node('mul', [s.rows(96), s.rows(96)], {})),
  },
  {
    op: 'mul',
    name: 'the square of a projection',
    build: (s) => {
      const x = s.linear(s.rows(64), 64);
      return s.logits(s.node('mul', [x, x], {}));
    },
  },
  {
    op: 'add',
    name: 'a row of biases',
    build: (s) => s.logits(s.node('add', [s.linear(s.rows(64), 96), s.weight([96])], {})),
  },
  {
    op: 'mul',
    name: 'a row of factors, for each head',
    build: (s) => {
      const factors = s.weight([13], uniform(2));
      return s.logits(s.merge(s.node('mul', [s.heads(s.rows(64), 3, 13), factors], {})));
    },
  },
  {
    op: 'mul',
    name: 'a number for each row',
    build: (s) => {
      const x = s.rows(37);
      return s.logits(s.node('mul', [x, s.linear(x, 1)], {}));
    },
  },
  {
    op: 'mul',
    name: 'a number for each row, by silu',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('mul', [x, s.node('silu', [s.linear(x, 1)], {})], {}));
    },
  },
  {
    op: 'sigmoid',
    name: 'of a projection',
    build: (s) => s.logits(s.node('sigmoid', [s.linear(s.rows(64), 37)], {})),
  },
  {
    op: 'sigmoid',
    name: 'a gate',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('mul', [x, s.node('sigmoid', [s.linear(x, 64)], {})], {}));
    },
  },
  {
    op: 'softplus',
    name: 'of numbers up to 60',
    build: (s) => {
      const large = s.linear(s.rows(64), 37, (i) => (i % 7) - 3);
      return s.logits(s.node('softplus', [large], {}));
    },
  },
  {
    op: 'silu',
    name: 'of a projection',
    build: (s) => s.logits(s.node('silu', [s.linear(s.rows(64), 160)], {})),
  },
  { op: 'silu', name: 'of a value', build: (s) => s.logits(s.node('silu', [s.rows(96)], {})) },
  {
    op: 'silu',
    name: 'of large numbers',
    build: (s) => s.logits(s.node('silu', [s.linear(s.rows(64), 64, (i) => (i % 7) - 3)], {})),
  },
  {
    op: 'swiglu',
    name: 'two projections of one value',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('swiglu', [s.linear(x, 352), s.linear(x, 352)], {}));
    },
  },
  {
    op: 'swiglu',
    name: 'projections of two values',
    build: (s) => {
      const [a, b] = [s.linear(s.rows(64), 96), s.linear(s.rows(32), 96)];
      return s.logits(s.node('swiglu', [a, b], {}));
    },
  },
  {
    op: 'swiglu',
    name: 'silu and mul',
    build: (s) => {
      const x = s.rows(64);
      const gate = s.node('silu', [s.linear(x, 160)], {});
      return s.logits(s.node('mul', [gate, s.linear(x, 160)], {}));
    },
  },
  {
    op: 'swiglu',
    name: 'mul and silu',
    build: (s) => {
      const x = s.rows(64);
      const up = s.linear(x, 160);
      return s.logits(s.node('mul', [up, s.node('silu', [s.linear(x, 160)], {})], {}));
    },
  },
  {
    op: 'swiglu',
    name: 'one value twice',
    build: (s) => {
      const x = s.linear(s.rows(64), 64);
      return s.logits(s.node('swiglu', [x, x], {}));
    },
  },
];

export const ROWS: readonly Case[] = [
  { op: 'rmsNormalization', name: 'rows', build: (s) => s.logits(s.norm(s.rows(96))) },
  {
    op: 'rmsNormalization',
    name: 'rows of a projection',
    build: (s) => s.logits(s.norm(s.linear(s.rows(64), 352))),
  },
  {
    op: 'rmsNormalization',
    name: 'rows of a residual',
    build: (s) => s.logits(s.norm(residual(s))),
  },
  {
    op: 'rmsNormalization',
    name: 'each head of a projection',
    build: (s) => s.logits(s.merge(s.norm(s.heads(s.rows(64), 5, 32)))),
  },
  {
    op: 'rmsNormalization',
    name: 'each head of a value',
    build: (s) => s.logits(s.merge(s.norm(s.split(s.rows(96), 3)))),
  },
  {
    op: 'rmsNormalization',
    name: 'rows so small that epsilon counts',
    build: (s) =>
      s.logits(
        s.norm(
          s.linear(s.rows(64), 64, () => 1e-5),
          1e-6,
        ),
      ),
  },
  {
    op: 'l2Normalization',
    name: 'each head of a projection, of odd width',
    build: (s) => {
      const heads = s.heads(s.rows(64), 5, 13);
      return s.logits(s.merge(s.node('l2Normalization', [heads], { epsilon: 1e-6 })));
    },
  },
  {
    op: 'l2Normalization',
    name: 'rows so small that epsilon counts',
    build: (s) => {
      const small = s.linear(s.rows(64), 64, () => 1e-5);
      return s.linear(
        s.node('l2Normalization', [small], { epsilon: 1e-6 }),
        VOCABULARY,
        uniform(9),
      );
    },
  },
  ...(['half', 'interleaved'] as const).flatMap((layout): Case[] => [
    {
      op: 'rotaryEmbedding',
      name: `${layout}, heads of a projection`,
      build: (s) => s.logits(s.merge(s.rotary(s.heads(s.rows(64), 4, 32), layout))),
    },
    {
      op: 'rotaryEmbedding',
      name: `${layout}, normalised heads, with a magnitude`,
      build: (s) => s.logits(s.merge(s.rotary(s.norm(s.heads(s.rows(64), 2, 64)), layout, 1.2))),
    },
    {
      op: 'rotaryEmbedding',
      name: `${layout}, one head of a value`,
      build: (s) => s.logits(s.merge(s.rotary(s.split(s.rows(96), 1), layout))),
    },
  ]),
];

export const MOVEMENT: readonly Case[] = [
  {
    op: 'splitHeads',
    name: 'heads of a projection, merged again',
    build: (s) => s.logits(s.merge(s.heads(s.rows(64), 3, 32))),
  },
  {
    op: 'splitHeads',
    name: 'one head',
    build: (s) => s.logits(s.merge(s.norm(s.split(s.linear(s.rows(64), 64), 1)))),
  },
  {
    op: 'mergeHeads',
    name: 'heads of which each has a weight',
    build: (s) => {
      const heads = s.heads(s.rows(64), 3, 32);
      return s.logits(s.merge(s.node('headLinear', [heads, s.weight([3, 64, 32])], {})));
    },
  },
  {
    op: 'repeatHeads',
    name: 'one head for three',
    build: (s) => {
      const one = s.norm(s.split(s.linear(s.rows(64), 32), 1));
      return s.logits(s.merge(s.node('repeatHeads', [one], { heads: 3 })));
    },
  },
  {
    op: 'slice',
    name: 'channels of a value',
    build: (s) => s.logits(s.node('slice', [s.linear(s.rows(64), 160)], { start: 32, size: 64 })),
  },
  {
    op: 'slice',
    name: 'channels of each head, joined in another order',
    build: (s) => {
      const heads = s.norm(s.heads(s.rows(64), 3, 32));
      const part = (start: number, size: number): Node => s.node('slice', [heads], { start, size });
      return s.logits(s.merge(s.node('concat', [s.rotary(part(12, 20), 'half'), part(0, 12)], {})));
    },
  },
  {
    op: 'slice',
    name: 'halves of a value, as heads and merged',
    build: (s) => {
      const x = s.linear(s.rows(64), 192);
      const half = (start: number): Node => s.node('slice', [x], { start, size: 96 });
      const heads = s.norm(s.split(half(96), 3));
      const ends = s.node('slice', [heads], { start: 16, size: 16 });
      const joined = s.node('concat', [half(0), s.merge(ends), s.merge(heads)], {});
      return s.logits(s.node('concat', [joined, s.linear(joined, 16)], {}));
    },
  },
  {
    op: 'slice',
    name: 'columns of a weight',
    build: (s) => {
      const part = s.node('slice', [s.weight([VOCABULARY, 96])], { start: 32, size: 64 });
      return s.node('linear', [s.rows(64), part], {});
    },
  },
  {
    op: 'concat',
    name: 'channels of two projections',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('concat', [s.linear(x, 96), s.norm(s.linear(x, 32))], {}));
    },
  },
  {
    op: 'concat',
    name: 'channels of a projection and of a value',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('concat', [s.linear(x, 32), x], {}));
    },
  },
  {
    op: 'concat',
    name: 'one value in two places',
    build: (s) => {
      const x = s.linear(s.rows(64), 32);
      return s.logits(s.node('concat', [x, s.rows(64), x], {}));
    },
  },
  {
    op: 'concat',
    name: 'parts of parts',
    build: (s) => {
      const x = s.rows(64);
      const inner = s.node('concat', [s.linear(x, 32), s.linear(x, 64)], {});
      return s.logits(s.node('concat', [s.norm(s.linear(x, 32)), inner], {}));
    },
  },
  {
    op: 'concat',
    name: 'three parts, normalised together',
    build: (s) => {
      const x = s.rows(64);
      const parts = [32, 64, 32].map((width) => s.linear(x, width));
      return s.logits(s.norm(s.node('concat', parts, {})));
    },
  },
  {
    op: 'concat',
    name: 'parts of 16 channels',
    build: (s) => {
      const x = s.rows(64);
      return s.logits(s.node('concat', [s.linear(x, 16), s.linear(x, 16)], {}));
    },
  },
  {
    op: 'transpose',
    name: 'a weight',
    build: (s) => {
      const weight = s.node('transpose', [s.weight([64, VOCABULARY])], {});
      return s.node('linear', [s.rows(64), weight], {});
    },
  },
  {
    op: 'transpose',
    name: 'a weight for each head',
    build: (s) => {
      const weight = s.node('transpose', [s.weight([3, 64, 32])], {});
      const heads = s.split(s.linear(s.rows(64), 192), 3);
      return s.logits(s.merge(s.node('headLinear', [heads, weight], {})));
    },
  },
  {
    op: 'transpose',
    name: 'a value',
    build: (s) => s.logits(s.merge(s.node('transpose', [s.heads(s.rows(64), 2, 32)], {}))),
  },
  {
    op: 'lastToken',
    name: 'before the head',
    build: (s) => s.logits(s.node('lastToken', [s.norm(s.rows(64))], {})),
  },
  {
    op: 'lastToken',
    name: 'two values added',
    build: (s) => {
      const [a, b] = [s.rows(64), s.linear(s.rows(64), 64)];
      const last = [a, b].map((x) => s.node('lastToken', [x], {}));
      return s.logits(s.node('add', last, {}));
    },
  },
  {
    op: 'lastToken',
    name: 'before a norm and two projections',
    build: (s) => {
      const x = s.node('lastToken', [residual(s)], {});
      return s.logits(s.node('add', [x, s.linear(s.norm(x), 64)], {}));
    },
  },
];
