import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError, UsageError } from '../base/index.ts';
import { floatNumerics } from './float.ts';
import { makeNode, type Graph, type Node, type WeightSource } from './graph.ts';
import { Interpreter } from './interpret.ts';
import { tensor, type Dims, type Shape } from './types.ts';
import { f32Of, i32Of, type Value } from './value.ts';

const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
const dims: Dims = { B: 1, T: 1, S: 8 };

/** A graph of one output `y` under construction, and how often each weight was loaded. */
class Sketch {
  readonly loads = new Map<string, number>();
  readonly #weights = new Map<string, WeightSource>();

  weight(name: string, shape: readonly number[], values: readonly number[]): Node {
    const load = (): Float32Array => {
      this.loads.set(name, (this.loads.get(name) ?? 0) + 1);
      return Float32Array.from(values);
    };
    this.#weights.set(name, { name, shape, load });
    return makeNode('weight', [], { name, type: tensor('f32', shape) });
  }

  graph(y: Node, states: Readonly<Record<string, Node>> = {}): Graph {
    return {
      name: 'sketch',
      outputs: new Map([['y', y]]),
      states: new Map(Object.entries(states)),
      weights: this.#weights,
    };
  }
}

function run(graph: Graph, over: Partial<Dims> = {}, fed: number[] = [0], positions = [0]): Value {
  const interpreter = new Interpreter(floatNumerics);
  return step(interpreter, graph, { ...dims, ...over }, fed, positions);
}

function step(it: Interpreter, graph: Graph, at: Dims, fed: number[], positions: number[]): Value {
  const values = { tokens: Int32Array.from(fed), positions: Int32Array.from(positions) };
  return it.run(graph, at, values).get('y')!;
}

/** Values by token: row i of the table for token i. */
function embedded(sketch: Sketch, rows: readonly (readonly number[])[]): Node {
  const table = sketch.weight('table', [rows.length, rows[0]!.length], rows.flat());
  return makeNode('embedding', [tokens, table], {});
}

function stateNode(name: string, shape: Shape): Node {
  return makeNode('state', [], { name, type: tensor('f32', shape) });
}

test('embedding, splitHeads, slice, concat, repeatHeads and mergeHeads move rows', () => {
  const sketch = new Sketch();
  const x = embedded(sketch, [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ]);
  const heads = makeNode('splitHeads', [x], { heads: 2 });
  const second = makeNode('slice', [heads], { start: 1, size: 1 });
  const swapped = makeNode('concat', [second, heads], {});
  const merged = makeNode('mergeHeads', [swapped], {});
  const y = run(sketch.graph(merged), { T: 2 }, [1, 0]);
  assert.deepEqual(y.shape, [1, 2, 6]);
  assert.deepEqual([...f32Of(y)], [6, 5, 6, 8, 7, 8, 2, 1, 2, 4, 3, 4]);
  const single = makeNode('splitHeads', [x], { heads: 1 });
  const repeated = run(sketch.graph(makeNode('repeatHeads', [single], { heads: 2 })), {}, [1]);
  assert.deepEqual(repeated.shape, [1, 1, 2, 4]);
  assert.deepEqual([...f32Of(repeated)], [5, 6, 7, 8, 5, 6, 7, 8]);
});

test('lastToken takes the last row of each sequence', () => {
  const sketch = new Sketch();
  const last = makeNode('lastToken', [embedded(sketch, [[1], [2], [3], [4]])], {});
  const y = run(sketch.graph(last), { B: 2, T: 2 }, [0, 1, 2, 3], [0, 0]);
  assert.deepEqual(y.shape, [2, 1, 1]);
  assert.deepEqual([...f32Of(y)], [2, 4]);
});

test('transpose swaps the last two axes of each plane', () => {
  const sketch = new Sketch();
  const w = sketch.weight('w', [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const y = run(sketch.graph(makeNode('transpose', [w], {})));
  assert.deepEqual(y.shape, [2, 3, 2]);
  assert.deepEqual([...f32Of(y)], [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
});

test('add, mul, silu and swiglu work element by element', () => {
  const sketch = new Sketch();
  const [a, b] = [
    embedded(sketch, [[1, -2]]),
    makeNode('embedding', [tokens, sketch.weight('b', [1, 2], [3, 5])], {}),
  ];
  const of = (op: 'add' | 'mul' | 'swiglu'): number[] => [
    ...f32Of(run(sketch.graph(makeNode(op, [a, b], {})))),
  ];
  const silu = [...f32Of(run(sketch.graph(makeNode('silu', [a], {}))))];
  assert.deepEqual(of('add'), [4, 3]);
  assert.deepEqual(of('mul'), [3, -10]);
  assert.deepEqual(silu, [1 / (1 + Math.exp(-1)), -2 / (1 + Math.exp(2))].map(Math.fround));
  assert.deepEqual(of('swiglu'), [silu[0]! * 3, silu[1]! * 5].map(Math.fround));
});

test('rotation turns the pairs of either layout by position times frequency', () => {
  const sketch = new Sketch();
  const x = makeNode('splitHeads', [embedded(sketch, [[1, 2, 3, 4]])], { heads: 1 });
  const rotated = (layout: 'half' | 'interleaved'): number[] => {
    const attrs = { layout, frequencies: [Math.PI / 2, Math.PI], magnitude: 1 };
    const y = makeNode('rotaryEmbedding', [x, position], attrs);
    return Array.from(f32Of(run(sketch.graph(y), { T: 2 }, [0, 0], [1])), Math.round);
  };
  // Token 0 stands at position 1: quarter and half turn; token 1 at 2: half and full turn.
  assert.deepEqual(rotated('half'), [-3, -2, 1, -4, -1, 2, -3, 4]);
  assert.deepEqual(rotated('interleaved'), [-2, 1, -3, -4, -1, -2, 3, 4]);
});

test('argMax gives the first of the largest and passes over NaN', () => {
  const sketch = new Sketch();
  const x = embedded(sketch, [
    [1, 3, 3],
    [NaN, -5, -4],
    [NaN, NaN, NaN],
    [-Infinity, -Infinity, 0],
  ]);
  const y = run(sketch.graph(makeNode('argMax', [x], {})), { T: 4 }, [0, 1, 2, 3]);
  assert.deepEqual(y.shape, [1, 4]);
  assert.deepEqual([...i32Of(y)], [1, 2, 0, 2]);
});

test('headLinear gives each head its own weight, and shares a single head', () => {
  const sketch = new Sketch();
  const w = sketch.weight('w', [2, 1, 2], [1, 10, 100, 1000]);
  const x = embedded(sketch, [[1, 2, 3, 4]]);
  const two = makeNode('headLinear', [makeNode('splitHeads', [x], { heads: 2 }), w], {});
  assert.deepEqual([...f32Of(run(sketch.graph(two)))], [21, 4300]);
  const one = makeNode('splitHeads', [makeNode('slice', [x], { start: 0, size: 2 })], { heads: 1 });
  const y = run(sketch.graph(makeNode('headLinear', [one, w], {})));
  assert.deepEqual(y.shape, [1, 1, 2, 1]);
  assert.deepEqual([...f32Of(y)], [21, 2100]);
});

test('experts add up what the chosen experts make of each token, times the gate', () => {
  const sketch = new Sketch();
  const x = embedded(sketch, [[1], [2]]);
  const gates = makeNode(
    'embedding',
    [tokens, sketch.weight('g', [2, 3], [0, 0.5, 0, 2, 0, 1])],
    {},
  );
  const weights = ['gate', 'up', 'down'].map((name, i) =>
    sketch.weight(
      name,
      [3, 1, 1],
      [1, 2, 3].map((e) => e * 10 ** i),
    ),
  );
  const y = [
    ...f32Of(run(sketch.graph(makeNode('experts', [x, gates, ...weights], {})), { T: 2 }, [0, 1])),
  ];
  const silu = (v: number): number => v / (1 + Math.exp(-v));
  const expert = (e: number, v: number): number => silu(e * v) * (10 * e * v) * (100 * e);
  const expected = [0.5 * expert(2, 1), 2 * expert(1, 2) + expert(3, 2)];
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(y[i]! - value) < 1e-3 * value);
});

/** Attention whose values are the embedded rows and whose scores are all equal: a running mean. */
function runningMean(sketch: Sketch): Graph {
  const x = makeNode('splitHeads', [embedded(sketch, [[0], [8], [64]])], { heads: 1 });
  const keys = makeNode('append', [stateNode('k', ['B', 'S', 1, 1]), x, position], {});
  const values = makeNode('append', [stateNode('v', ['B', 'S', 1, 1]), x, position], {});
  const attrs = { scale: 0, valueWidth: 1 };
  const y = makeNode('attention', [x, keys, values, position], attrs);
  return sketch.graph(y, { k: keys, v: values });
}

test('token t sees the rows of its own sequence up to position + t', () => {
  const graph = runningMean(new Sketch());
  const interpreter = new Interpreter(floatNumerics);
  const at = { B: 2, T: 2, S: 4 };
  assert.deepEqual([...f32Of(step(interpreter, graph, at, [0, 1, 2, 2], [0, 0]))], [0, 4, 64, 64]);
  // The first sequence goes on, the second starts again at 1 and forgets what came after.
  assert.deepEqual(
    [...f32Of(step(interpreter, graph, at, [1, 1, 0, 0], [2, 1]))],
    [16 / 3, 6, 32, 64 / 3].map(Math.fround),
  );
});

test('state grows with the context and the batch that a step asks for, and reset forgets it', () => {
  const graph = runningMean(new Sketch());
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, graph, { B: 1, T: 2, S: 2 }, [1, 1], [0]);
  const grown = step(interpreter, graph, { B: 2, T: 1, S: 3 }, [2, 2], [2, 0]);
  assert.deepEqual([...f32Of(grown)], [80 / 3, 64].map(Math.fround));
  const smaller = step(interpreter, graph, { B: 1, T: 1, S: 3 }, [2], [2]);
  assert.deepEqual([...f32Of(smaller)], [Math.fround(80 / 3)]);
  interpreter.reset();
  assert.deepEqual([...f32Of(step(interpreter, graph, { B: 1, T: 1, S: 2 }, [2], [1]))], [32]);
});

test('heads that share a key head are its neighbours', () => {
  const sketch = new Sketch();
  const x = embedded(sketch, [[1, 2]]);
  const q = makeNode('splitHeads', [embedded(sketch, [[1, 2]])], { heads: 2 });
  const kv = makeNode('splitHeads', [x], { heads: 2 });
  const four = makeNode('splitHeads', [makeNode('concat', [x, x], {})], { heads: 4 });
  const keys = makeNode('append', [stateNode('k', ['B', 'S', 2, 1]), kv, position], {});
  const y = (query: Node): number[] => {
    const node = makeNode('attention', [query, keys, keys, position], { scale: 1, valueWidth: 1 });
    return [...f32Of(run(sketch.graph(node, { k: keys })))];
  };
  assert.deepEqual(y(q), [1, 2]);
  assert.deepEqual(y(four), [1, 1, 2, 2]);
});

test('positions beyond the context are refused, naming both', () => {
  const graph = runningMean(new Sketch());
  assert.throws(() => run(graph, { T: 2, S: 4 }, [0, 0], [3]), {
    name: CapacityError.name,
    message: 'context must hold positions 3 to 4, but has 4',
  });
  assert.throws(() => run(graph, {}, [0], [-1]), CapacityError);
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, graph, { B: 1, T: 1, S: 8 }, [0], [7]);
  const smaller = { B: 1, T: 1, S: 4 };
  assert.throws(() => step(interpreter, graph, smaller, [0], [4]), CapacityError);
});

test('tokens beyond the vocabulary and steps of another size are refused', () => {
  const sketch = new Sketch();
  const graph = sketch.graph(embedded(sketch, [[1], [2]]));
  assert.throws(() => run(graph, {}, [2]), {
    name: UsageError.name,
    message: 'token must be an id from 0 to 1, not 2',
  });
  assert.throws(
    () => run(graph, { T: 2 }, [0]),
    /2 tokens must have as many, and 1 positions, not 1 and 1/,
  );
});

test('a weight is loaded once, when a step first needs it', () => {
  const sketch = new Sketch();
  sketch.weight('unused', [1], [1]);
  const x = embedded(sketch, [new Array<number>(32).fill(1)]);
  const w = sketch.weight('w', [1, 32], new Array<number>(32).fill(2));
  const attrs = { format: 'mxint8', group: 32 } as const;
  const [qx, qw] = [makeNode('quantize', [x], attrs), makeNode('quantize', [w], attrs)];
  const graph = sketch.graph(makeNode('linear', [qx, qw], {}));
  const interpreter = new Interpreter(floatNumerics);
  for (let i = 0; i < 2; i++)
    assert.deepEqual([...f32Of(step(interpreter, graph, dims, [0], [0]))], [64]);
  assert.deepEqual(Object.fromEntries(sketch.loads), { table: 1, w: 1 });
});

test('constants beyond the limit are loaded in each step, and change nothing', () => {
  const sketch = new Sketch();
  const x = embedded(sketch, [[1, 2, 3]]); // 12 bytes
  const w = sketch.weight('w', [2, 3], [1, 2, 3, 4, 5, 6]); // 24 bytes
  const graph = sketch.graph(makeNode('linear', [x, w], {}));
  const interpreter = new Interpreter(floatNumerics, 20);
  for (let i = 0; i < 3; i++)
    assert.deepEqual([...f32Of(step(interpreter, graph, dims, [0], [0]))], [14, 32]);
  assert.deepEqual(Object.fromEntries(sketch.loads), { table: 1, w: 3 });
});

test('graphs that share constants share what was loaded', () => {
  const sketch = new Sketch();
  const w = sketch.weight('w', [2, 1], [1, 2]);
  const interpreter = new Interpreter(floatNumerics);
  for (let i = 0; i < 2; i++) {
    step(interpreter, sketch.graph(makeNode('transpose', [w], {})), dims, [0], [0]);
  }
  assert.deepEqual(Object.fromEntries(sketch.loads), { w: 1 });
});
