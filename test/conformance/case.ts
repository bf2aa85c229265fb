/**
 * A conformance case: one operator, or a typical neighbourhood of it, as a small graph, and the steps
 * it is fed. Cases are data; conformance.ts runs them on every target.
 *
 * Weights are random, the same in every run, and scaled so that values stay of order 1: an error
 * anywhere shows in the logits.
 */
import { Random } from '../../src/base/index.ts';
import {
  countElements,
  lastDim,
  makeNode,
  tensor,
  type Graph,
  type Node,
  type Op,
  type OpAttrs,
  type TensorType,
  type WeightSource,
} from '../../src/ir/index.ts';

export interface Case {
  /** The operator under test: its row in docs/support.md. */
  readonly op: Op;
  /** What is special about this case. */
  readonly name: string;
  /** The logits; `sketch.logits(x)` ends a case as models end. */
  readonly build: (sketch: Sketch) => Node;
  /** What it is fed; FEEDINGS when absent. */
  readonly feedings?: readonly Feeding[];
}

/** Tokens of a step, and how many of them each sequence has already. */
export interface Step {
  readonly tokens: number;
  readonly positions: readonly number[];
}

/** Steps on one device, after a reset. */
export type Feeding = readonly Step[];

/** One sequence in odd chunks; then two that go back to different positions and on from there. */
export const FEEDINGS: readonly Feeding[] = [
  [
    { tokens: 7, positions: [0] },
    { tokens: 1, positions: [7] },
    { tokens: 33, positions: [8] },
  ],
  [
    { tokens: 33, positions: [0, 0] },
    { tokens: 7, positions: [20, 33] },
    { tokens: 1, positions: [27, 40] },
  ],
];

/** Odd, so that no tile, vector or row of lanes divides it. */
export const VOCABULARY = 97;

type Fill = (index: number, random: Random) => number;

/** Builds the graph of a case. */
export class Sketch {
  readonly tokens: Node = makeNode('input', [], {
    name: 'tokens',
    type: tensor('i32', ['B', 'T']),
  });
  readonly position: Node = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  readonly #random = new Random(1);
  readonly #weights = new Map<string, WeightSource>();
  readonly #states = new Map<string, Node>();

  node<O extends Op>(op: O, inputs: readonly Node[], attrs: OpAttrs[O]): Node {
    return makeNode(op, inputs, attrs, `${op}.${this.#weights.size}`);
  }

  /** A weight; without `fill`, such that a row times values of order 1 is of order 1. */
  weight(shape: readonly number[], fill: Fill = uniform(Math.sqrt(3 / shape.at(-1)!))): Node {
    const random = this.#random;
    const values = Float32Array.from({ length: countElements(shape) }, (_, i) => fill(i, random));
    return this.#declare(`w${this.#weights.size}`, shape, values);
  }

  /** A table of embeddings (V,width) of order 1. */
  table(width: number): Node {
    return this.weight([VOCABULARY, width], uniform(1.7));
  }

  /** Rows (B,T,width) that differ by token. */
  rows(width: number): Node {
    return this.node('embedding', [this.tokens, this.table(width)], {});
  }

  linear(x: Node, width: number, fill?: Fill): Node {
    return this.node('linear', [x, this.weight([width, lastDim(x.type)], fill)], {});
  }

  /** A projection of `x` split in heads (B,T,heads,width). */
  heads(x: Node, heads: number, width: number): Node {
    return this.split(this.linear(x, heads * width), heads);
  }

  split(x: Node, heads: number): Node {
    return this.node('splitHeads', [x], { heads });
  }

  merge(x: Node): Node {
    return this.node('mergeHeads', [x], {});
  }

  norm(x: Node, epsilon = 1e-6): Node {
    const weight = this.weight([lastDim(x.type)], (_, random) => 0.5 + random.float());
    return this.node('rmsNormalization', [x, weight], { epsilon });
  }

  rotary(x: Node, layout: 'half' | 'interleaved', magnitude = 1): Node {
    const pairs = lastDim(x.type) / 2;
    const frequencies = Array.from({ length: pairs }, (_, i) => 10000 ** (-i / pairs));
    return this.node('rotaryEmbedding', [x, this.position], { layout, frequencies, magnitude });
  }

  /** Rows (B,T,G,K) appended to a state of their own: all rows of the sequence. */
  append(rows: Node, tokensPerRow?: number): Node {
    const name = `s${this.#states.size}`;
    const type = tensor('f32', ['B', 'S', ...rows.type.shape.slice(2)]);
    const state = this.node('state', [], { name, type });
    const attrs = tokensPerRow === undefined ? {} : { tokensPerRow };
    const appended = this.node('append', [state, rows, this.position], attrs);
    this.#states.set(name, appended);
    return appended;
  }

  /** An op that changes a state of its own, of fixed extents: inputs are state, `inputs`, position, `others`. */
  change<O extends Op>(
    op: O,
    type: TensorType,
    inputs: readonly Node[],
    attrs: OpAttrs[O],
    others: readonly Node[] = [],
  ): Node {
    const name = `s${this.#states.size}`;
    const state = this.node('state', [], { name, type });
    const changed = this.node(op, [state, ...inputs, this.position, ...others], attrs);
    this.#states.set(name, changed);
    return changed;
  }

  attention(
    query: Node,
    keys: Node,
    values: Node,
    attrs: Partial<OpAttrs['attention']> = {},
  ): Node {
    const usual = { scale: lastDim(query.type) ** -0.5, valueWidth: lastDim(values.type) };
    const inputs = [query, keys, values, this.position];
    return this.node('attention', inputs, { ...usual, ...attrs });
  }

  /** The end of a model: a linear whose largest channel is the next token. */
  logits(x: Node): Node {
    return this.linear(x, VOCABULARY);
  }

  finish(name: string, logits: Node): Graph {
    const outputs = new Map([
      ['logits', logits],
      ['next', this.node('argMax', [logits], {})],
    ]);
    return { name, outputs, states: this.#states, weights: this.#weights };
  }

  #declare(name: string, shape: readonly number[], values: Float32Array): Node {
    this.#weights.set(name, { name, shape, load: () => values });
    return this.node('weight', [], { name, type: tensor('f32', shape) });
  }
}

/** Between -limit and limit. */
export function uniform(limit: number): Fill {
  return (_, random) => (random.float() * 2 - 1) * limit;
}

const graphs = new WeakMap<Case, Graph>();

/** The graph of a case, the same for all subjects: drawing its weights takes longer than running many. */
export function graphOf(given: Case): Graph {
  const known = graphs.get(given);
  if (known !== undefined) return known;
  const sketch = new Sketch();
  const graph = sketch.finish(`${given.op}: ${given.name}`, given.build(sketch));
  graphs.set(given, graph);
  return graph;
}
