/** Choices: routers and their experts, the next token; and numbers in blocks. */
import { lastDim, type Node, type OpAttrs } from '../../src/ir/index.ts';
import { uniform, VOCABULARY, type Case, type Sketch } from './case.ts';

type RouteAttrs = OpAttrs['route'];

/** As DeepSeek-V3 routes, with fewer experts. */
const USUAL: RouteAttrs = {
  scoring: 'sigmoid',
  topK: 3,
  groups: 4,
  topGroups: 2,
  normalize: true,
  scale: 2.5,
};
const UNGROUPED = { groups: 1, topGroups: 1 };

/** Gates of 32 experts, in full view. */
function gates(s: Sketch, attrs: Partial<RouteAttrs>, bias?: number): Node {
  const logits = s.linear(s.norm(s.rows(64)), 32);
  const biases = bias === undefined ? [] : [s.weight([32], uniform(bias))];
  return s.logits(s.node('route', [logits, ...biases], { ...USUAL, ...attrs }));
}

/** Numbers from 0 on: times a negative weight, far below zero. */
function square(s: Sketch, x: Node): Node {
  return s.node('mul', [x, x], {});
}

const ROUTE_CASES: readonly (readonly [string, Partial<RouteAttrs>, number?])[] = [
  ['the best groups by sigmoid and bias', {}, 0.5],
  ['biases that outweigh the scores', {}, 20],
  ['without bias', {}],
  ['the best of all by sigmoid', UNGROUPED, 0.5],
  ['gates as they are', { ...UNGROUPED, normalize: false, scale: 1 }],
  ['softmax, gates as they are', { ...UNGROUPED, scoring: 'softmax', normalize: false }],
  ['softmax, normalised', { ...UNGROUPED, scoring: 'softmax', topK: 8, scale: 1 }],
  ['softmax in groups', { scoring: 'softmax', groups: 8, topGroups: 3, topK: 6 }],
  ['groups by their best expert', { scoring: 'softmax', groups: 8, groupByBest: true }],
  ['one expert', { ...UNGROUPED, topK: 1 }],
  ['all experts', { ...UNGROUPED, topK: 32 }],
  ['groups of one expert', { groups: 32, topGroups: 5, topK: 5 }],
];

export const ROUTE: readonly Case[] = [
  ...ROUTE_CASES.map(([name, attrs, bias]): Case => ({
    op: 'route',
    name,
    build: (s) => gates(s, attrs, bias),
  })),
  {
    op: 'route',
    name: 'ties go to the lower index',
    build: (s) => {
      const logits = s.linear(s.rows(64), 32, (i) => (i % 64 < 3 ? 0.5 : 0));
      return s.logits(s.node('route', [logits], { ...USUAL, scale: 1 }));
    },
  },
  {
    op: 'route',
    name: 'scores that are all zero',
    build: (s) => {
      const x = s.rows(64);
      const logits = s.linear(square(s, x), 32, () => -100);
      const none = s.node('route', [logits], USUAL);
      return s.logits(s.node('add', [x, s.linear(none, 64)], {}));
    },
  },
];

interface Layer {
  readonly experts: number;
  readonly width?: number;
  readonly route?: Partial<RouteAttrs>;
  /** The router's biases. */
  readonly bias?: (expert: number) => number;
  /** Scores of 1 for even experts and 0 for odd ones. */
  readonly extreme?: boolean;
}

/** A layer of experts, D = 64, beside a residual. */
function layer(s: Sketch, { experts, width = 32, route, bias, extreme }: Layer): Node {
  const [x, D] = [s.rows(64), 64];
  const normal = s.norm(x);
  const biases = bias === undefined ? [] : [s.weight([experts], bias)];
  const attrs = { ...USUAL, ...UNGROUPED, topK: 2, ...route };
  const logits = extreme
    ? s.linear(square(s, normal), experts, (i) => (Math.floor(i / D) % 2 === 0 ? 100 : -100))
    : s.linear(normal, experts);
  const chosen = s.node('route', [logits, ...biases], attrs);
  const weights = [s.weight([experts, width, D]), s.weight([experts, width, D])];
  const inputs = [normal, chosen, ...weights, s.weight([experts, D, width])];
  return s.logits(s.node('add', [x, s.node('experts', inputs, {})], {}));
}

/** A shared expert that is added to the routed ones. */
function sharedExpert(s: Sketch): Node {
  const x = s.norm(s.rows(64));
  const chosen = s.node('route', [s.linear(x, 8), s.weight([8], uniform(0.2))], {
    ...USUAL,
    topK: 2,
  });
  const weights = [s.weight([8, 96, 64]), s.weight([8, 96, 64]), s.weight([8, 64, 96])];
  const routed = s.node('experts', [x, chosen, ...weights], {});
  const hidden = s.node('swiglu', [s.linear(x, 96), s.linear(x, 96)], {});
  return s.logits(s.norm(s.node('add', [s.linear(hidden, 64), routed], {})));
}

const LAYERS: readonly (readonly [string, Layer])[] = [
  ['two of eight', { experts: 8 }],
  ['two of five, 160 wide', { experts: 5, width: 160 }],
  ['all of four', { experts: 4, route: { topK: 4, scoring: 'softmax' } }],
  ['an expert nobody chose', { experts: 4, bias: (e) => (e === 2 ? -10 : 0) }],
  ['all tokens to one expert', { experts: 4, route: { topK: 1 }, bias: (e) => (e === 3 ? 5 : 0) }],
  ['gates of zero', { experts: 4, route: { topK: 3 }, extreme: true }],
  ['40 wide, no whole blocks', { experts: 4, width: 40 }],
];

export const EXPERTS: readonly Case[] = [
  ...LAYERS.map(([name, given]): Case => ({ op: 'experts', name, build: (s) => layer(s, given) })),
  { op: 'experts', name: 'beside a shared expert, normalised', build: sharedExpert },
];

/** Logits of which several channels are equal. */
function tied(s: Sketch, x: Node, distinct: number): Node {
  const width = lastDim(x.type);
  const rows = Float32Array.from({ length: distinct * width }, (_, i) => Math.sin(i * i));
  return s.linear(x, VOCABULARY, (i) => rows[i % rows.length]!);
}

export const CHOICE: readonly Case[] = [
  { op: 'argMax', name: 'ties go to the lower index', build: (s) => tied(s, s.rows(64), 40) },
  { op: 'argMax', name: 'all channels equal', build: (s) => tied(s, s.rows(64), 1) },
  {
    op: 'argMax',
    name: 'of 544 channels',
    build: (s) => s.linear(s.norm(s.linear(s.rows(64), 64)), 544),
  },
  { op: 'argMax', name: 'of an embedding', build: (s) => s.rows(64) },
  {
    op: 'argMax',
    name: 'of a sum',
    build: (s) => s.node('add', [s.linear(s.rows(64), 64), s.rows(64)], {}),
  },
  { op: 'argMax', name: 'of a norm', build: (s) => s.norm(s.linear(s.rows(64), 64)) },
  {
    op: 'argMax',
    name: 'of the last of all logits',
    build: (s) => s.node('lastToken', [s.logits(s.rows(64))], {}),
  },
  {
    op: 'quantize',
    name: 'operands in blocks before any pass',
    build: (s) => {
      const attrs = { format: 'mxint8', group: 32 } as const;
      const operands = [s.rows(64), s.weight([VOCABULARY, 64])];
      const [x, w] = operands.map((from) => s.node('quantize', [from], attrs)) as [Node, Node];
      return s.node('linear', [x, w], {});
    },
  },
];
