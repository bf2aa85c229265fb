import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { floatNumerics } from './float.ts';
import { makeNode, type Graph, type Node, type WeightSource } from './graph.ts';
import { Interpreter } from './interpret.ts';
import { tensor, type MxFormat, type Shape } from './types.ts';
import { f32Of } from './value.ts';

const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });

/** Weights of small integers with a 2 in every block: exact in mxint8, so both paths must agree. */
function exactWeights(): {
  readonly weights: Map<string, WeightSource>;
  weight(name: string, shape: readonly number[]): Node;
} {
  const random = new Random(5);
  const weights = new Map<string, WeightSource>();
  const weight = (name: string, shape: readonly number[]): Node => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: size }, (_, i) =>
      i % 32 === 0 ? 2 : random.int(3) - 1,
    );
    weights.set(name, { name, shape, load: () => values });
    return makeNode('weight', [], { name, type: tensor('f32', shape) });
  };
  return { weights, weight };
}

function outputs(
  y: Node,
  weights: Map<string, WeightSource>,
  states: ReadonlyMap<string, Node>,
): number[][] {
  const graph: Graph = { name: 'mx', outputs: new Map([['y', y]]), states, weights };
  const interpreter = new Interpreter(floatNumerics);
  return [0, 3].map((start) => {
    const fed = { tokens: Int32Array.of(1, 2, 3, 3, 0, 1), positions: Int32Array.of(start, start) };
    return [...f32Of(interpreter.run(graph, { B: 2, T: 3, S: 6 }, fed).get('y')!)];
  });
}

/** Builds the same graph with and without quantisation, and requires the same numbers. */
function requireSame(
  build: (
    q: (x: Node) => Node,
    append: (name: string, rows: Node) => Node,
    weight: (name: string, shape: readonly number[]) => Node,
  ) => Node,
): void {
  const results = ([undefined, 'mxint8'] as const).map((format: MxFormat | undefined) => {
    const { weights, weight } = exactWeights();
    const states = new Map<string, Node>();
    const quantized = (x: Node): Node =>
      format === undefined ? x : makeNode('quantize', [x], { format, group: 32 });
    const append = (name: string, rows: Node): Node => {
      const shape: Shape = ['B', 'S', ...rows.type.shape.slice(2)];
      const state = makeNode('state', [], { name, type: tensor(rows.type.dtype, shape) });
      const node = makeNode('append', [state, rows, position], {});
      states.set(name, node);
      return node;
    };
    return outputs(build(quantized, append, weight), weights, states);
  });
  assert.ok(results[0]!.flat().some((value) => value !== 0));
  assert.deepEqual(results[1], results[0]);
}

test('MX rows are split, sliced, joined, repeated and cut to the last token as f32 rows are', () => {
  requireSame((q, _, weight) => {
    const x = q(makeNode('embedding', [tokens, weight('table', [4, 128])], {}));
    const heads = makeNode('splitHeads', [x], { heads: 2 });
    const part = makeNode('slice', [heads], { start: 32, size: 32 });
    const joined = makeNode('concat', [part, heads], {});
    const merged = makeNode('mergeHeads', [joined], {});
    const single = makeNode('splitHeads', [merged], { heads: 1 });
    const repeated = makeNode('repeatHeads', [single], { heads: 2 });
    const last = makeNode('lastToken', [makeNode('mergeHeads', [repeated], {})], {});
    return makeNode('linear', [last, q(weight('w', [5, 384]))], {});
  });
});

test('headLinear takes MX rows of each head', () => {
  requireSame((q, _, weight) => {
    const x = q(makeNode('embedding', [tokens, weight('table', [4, 128])], {}));
    const heads = makeNode('splitHeads', [x], { heads: 2 });
    return makeNode('headLinear', [heads, q(weight('w', [2, 7, 64]))], {});
  });
});

test('attention reads MX state that earlier steps appended', () => {
  requireSame((q, append, weight) => {
    const x = q(makeNode('embedding', [tokens, weight('table', [4, 128])], {}));
    const query = makeNode('splitHeads', [x], { heads: 2 });
    const single = makeNode('splitHeads', [makeNode('slice', [x], { start: 32, size: 64 })], {
      heads: 1,
    });
    const [keys, values] = [append('k', single), append('v', single)];
    const attrs = { scale: 0.125, valueWidth: 32 };
    return makeNode('attention', [query, keys, values, position], attrs);
  });
});

test('experts quantise what lies between their weights in blocks', () => {
  const { weights, weight } = exactWeights();
  const q = (x: Node): Node => makeNode('quantize', [x], { format: 'mxfp4', group: 32 });
  const rows = (x: Node, w: Node): Node => makeNode('linear', [x, w], {});
  weights.set('one', { name: 'one', shape: [4, 1], load: () => new Float32Array(4).fill(1) });
  const one = makeNode('weight', [], { name: 'one', type: tensor('f32', [4, 1]) });
  const x = q(makeNode('embedding', [tokens, weight('table', [4, 32])], {}));
  const stacked = ['gate', 'up', 'down'].map((name) => q(weight(name, [1, 32, 32])));
  const gates = makeNode('embedding', [tokens, one], {});
  const [gate, up, down] = stacked.map((node) => {
    const { name } = node.inputs[0]!.attrs as { name: string };
    weights.set(`${name}.flat`, { ...weights.get(name)!, name: `${name}.flat`, shape: [32, 32] });
    return q(makeNode('weight', [], { name: `${name}.flat`, type: tensor('f32', [32, 32]) }));
  }) as [Node, Node, Node];
  const inner = makeNode('swiglu', [rows(x, gate), rows(x, up)], {});
  assert.deepEqual(
    outputs(makeNode('experts', [x, gates, ...stacked], {}), weights, new Map()),
    outputs(rows(q(inner), down), weights, new Map()),
  );
});
