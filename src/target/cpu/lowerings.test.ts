import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, UnsupportedError } from '../../base/index.ts';
import { compileLowered } from '../../compile/index.ts';
import {
  countElements,
  f32Of,
  floatNumerics,
  Interpreter,
  makeNode,
  tensor,
  type Dims,
  type Graph,
  type Node,
  type OpAttrs,
  type WeightSource,
} from '../../ir/index.ts';
import { cpuTarget } from './target.ts';

const VOCABULARY = 11;
const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });

/** Builds a graph whose output is compared with the interpreter's. */
class Sketch {
  readonly #random = new Random(2);
  readonly #weights = new Map<string, WeightSource>();
  readonly #states = new Map<string, Node>();

  weight(...shape: number[]): Node {
    const name = `w${this.#weights.size}`;
    const values = Float32Array.from(
      { length: countElements(shape) },
      () => this.#random.float() * 2 - 1,
    );
    this.#weights.set(name, { name, shape, load: () => values });
    return makeNode('weight', [], { name, type: tensor('f32', shape) });
  }

  /** Rows of numbers that differ by token (B,T,width). */
  rows(width: number): Node {
    return makeNode('embedding', [tokens, this.weight(VOCABULARY, width)], {});
  }

  /** The same as heads (B,T,heads,width). */
  heads(heads: number, width: number): Node {
    return makeNode('splitHeads', [this.rows(heads * width)], { heads });
  }

  /** Rows (B,T,G,K) appended to a state of their own. */
  state(rows: Node): Node {
    const name = `s${this.#states.size}`;
    const type = tensor('f32', ['B', 'S', ...rows.type.shape.slice(2)]);
    const state = makeNode('state', [], { name, type });
    const appended = makeNode('append', [state, rows, position], {});
    this.#states.set(name, appended);
    return appended;
  }

  graph(logits: Node): Graph {
    const outputs = new Map([
      ['logits', logits],
      ['next', makeNode('argMax', [logits], {})],
    ]);
    return { name: 'sketch', outputs, states: this.#states, weights: this.#weights };
  }
}

/** Runs steps of a graph on the cpu and in the interpreter; the results must agree. */
function compare(build: (s: Sketch) => Node): void {
  const sketch = new Sketch();
  const graph = sketch.graph(build(sketch));
  const target = cpuTarget();
  const device = target.open();
  const judge = new Interpreter(floatNumerics);
  const starts = [0, 3, 0].map((p) => Int32Array.of(p, p + 2));
  for (const [i, T] of [3, 1, 2].entries()) {
    const dims: Dims = { B: 2, T, S: 16 };
    const fed = {
      tokens: Int32Array.from({ length: 2 * T }, (_, k) => (7 * k + i) % VOCABULARY),
      positions: starts[i]!,
    };
    const found = device.run(compileLowered(graph, target, dims), fed);
    const required = judge.run(graph, dims, fed);
    const logits = f32Of(required.get('logits')!);
    assert.equal(found.logits.length, logits.length);
    for (const [k, value] of logits.entries()) {
      assert.ok(Math.abs(found.logits[k]! - value) < 1e-5, `${k}: ${value}, ${found.logits[k]}`);
    }
    assert.deepEqual(found.next, required.get('next')!.data);
  }
}

const rotary = (layout: 'half' | 'interleaved'): OpAttrs['rotaryEmbedding'] => ({
  layout,
  frequencies: [1, 0.5, 0.1],
  magnitude: 1.1,
});

const route: OpAttrs['route'] = {
  scoring: 'sigmoid',
  topK: 2,
  groups: 3,
  topGroups: 2,
  normalize: true,
  scale: 2,
};

/** A graph for each op that is not in all of them, by the name of what it shows. */
const CASES: Readonly<Record<string, (s: Sketch) => Node>> = {
  'repeatHeads and mergeHeads': (s) =>
    makeNode('mergeHeads', [makeNode('repeatHeads', [s.heads(1, 5)], { heads: 3 })], {}),
  slice: (s) => makeNode('slice', [s.heads(2, 7)], { start: 2, size: 4 }),
  'slice of a weight': (s) =>
    makeNode('linear', [s.rows(4), makeNode('slice', [s.weight(3, 7)], { start: 2, size: 4 })], {}),
  concat: (s) => makeNode('concat', [s.heads(2, 3), s.heads(2, 5), s.heads(2, 1)], {}),
  'transpose of a weight': (s) =>
    makeNode('linear', [s.rows(4), makeNode('transpose', [s.weight(4, 6)], {})], {}),
  'transpose of heads': (s) => makeNode('transpose', [s.heads(3, 5)], {}),
  lastToken: (s) => makeNode('lastToken', [s.heads(2, 3)], {}),
  'add and mul': (s) => {
    const [a, b] = [s.rows(9), s.rows(9)];
    return makeNode('add', [makeNode('mul', [a, b], {}), a], {});
  },
  'silu and swiglu': (s) => {
    const x = makeNode('silu', [s.rows(9)], {});
    return makeNode('swiglu', [x, x], {});
  },
  rmsNormalization: (s) =>
    makeNode('rmsNormalization', [s.heads(2, 5), s.weight(5)], { epsilon: 1e-5 }),
  'rotaryEmbedding of halves': (s) =>
    makeNode('rotaryEmbedding', [s.heads(2, 6), position], rotary('half')),
  'rotaryEmbedding of neighbours': (s) =>
    makeNode('rotaryEmbedding', [s.heads(2, 6), position], rotary('interleaved')),
  linear: (s) => makeNode('linear', [s.heads(3, 5), s.weight(4, 5)], {}),
  'headLinear of heads': (s) => makeNode('headLinear', [s.heads(3, 5), s.weight(3, 4, 5)], {}),
  'headLinear of one row': (s) => makeNode('headLinear', [s.heads(1, 5), s.weight(3, 4, 5)], {}),
  'attention and append': (s) => {
    const [keys, values] = [s.state(s.heads(2, 5)), s.state(s.heads(2, 3))];
    const attrs = { scale: 0.4, valueWidth: 3 };
    return makeNode('attention', [s.heads(4, 5), keys, values, position], attrs);
  },
  'attention to one latent': (s) => {
    const latent = s.state(s.heads(1, 7));
    const attrs = { scale: 0.4, valueWidth: 5 };
    return makeNode('attention', [s.heads(3, 7), latent, latent, position], attrs);
  },
  'route with bias': (s) => makeNode('route', [s.rows(6), s.weight(6)], route),
  'route without bias': (s) =>
    makeNode('route', [s.rows(6)], { ...route, scoring: 'softmax', normalize: false }),
  experts: (s) => {
    const gates = makeNode('route', [s.rows(6)], route);
    const weights = [s.weight(6, 4, 5), s.weight(6, 4, 5), s.weight(6, 5, 4)];
    return makeNode('experts', [s.rows(5), gates, ...weights], {});
  },
};

for (const [name, build] of Object.entries(CASES)) {
  test(`${name}: the cpu agrees with the interpreter`, () => compare(build));
}

test('quantised values are refused with the reason', () => {
  const target = cpuTarget();
  const sketch = new Sketch();
  const attrs = { format: 'mxint8', group: 32 } as const;
  const quantized = [sketch.rows(32), sketch.weight(4, 32)].map((x) =>
    makeNode('quantize', [x], attrs),
  );
  const graph = sketch.graph(makeNode('linear', quantized, {}, 'layers.0.proj'));
  assert.throws(() => compileLowered(graph, target, { B: 1, T: 1, S: 64 }), UnsupportedError);
  assert.deepEqual(target.supports(graph.outputs.get('logits')!), {
    ok: false,
    reason: 'the cpu computes in f32 and has no mxint8; leave out the passes that quantise',
  });
});

test('a table with an expert that is none is refused when it is loaded', () => {
  const target = cpuTarget();
  const sketch = new Sketch();
  const attrs = { scoring: 'sigmoid', normalize: true, scale: 1 } as const;
  const inputs = [sketch.rows(6), tokens, sketch.weight(VOCABULARY, 2)]; // numbers from −1 to 1
  const graph = sketch.graph(makeNode('routeByToken', inputs, attrs));
  const program = compileLowered(graph, target, { B: 1, T: 1, S: 64 });
  const fed = { tokens: Int32Array.of(1), positions: Int32Array.of(0) };
  assert.throws(
    () => target.open().run(program, fed),
    /^UsageError: the experts of a token must be from 0 to 5, not -?0\.\d+$/,
  );
});

test('an output that is a weight is refused', () => {
  const sketch = new Sketch();
  const graph = sketch.graph(sketch.weight(3, 4));
  assert.throws(
    () => compileLowered(graph, cpuTarget(), { B: 1, T: 1, S: 64 }),
    /^UnsupportedError: an output must be computed, not the weight w0$/,
  );
});
