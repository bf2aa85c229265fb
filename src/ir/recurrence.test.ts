import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatNumerics } from './float.ts';
import { makeNode, type Graph, type Node } from './graph.ts';
import { Interpreter } from './interpret.ts';
import { tensor } from './types.ts';
import { f32Of } from './value.ts';
import { verify } from './verify.ts';

/** Token n is the row (n, 10n); the taps of channel 0 are 1, 2, 4, of channel 1 only the newest. */
const GRAPH = convolution();

function convolution(): Graph {
  const source = (name: string, shape: number[], values: number[]) => ({
    name,
    shape,
    load: () => Float32Array.from(values),
  });
  const rows = Array.from({ length: 10 }, (_, n) => [n, 10 * n]);
  const sources = [
    source('table', [10, 2], rows.flat()),
    source('taps', [2, 3], [1, 2, 4, 0, 0, 1]),
  ];
  const [table, taps] = sources.map(({ name, shape }) =>
    makeNode('weight', [], { name, type: tensor('f32', shape) }),
  );
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  const past = makeNode('state', [], { name: 'past', type: tensor('f32', ['B', 2, 2]) });
  const x = makeNode('embedding', [tokens, table!], {});
  const y = makeNode('causalConvolution', [past, x, taps!, position], {});
  return {
    name: 'convolution',
    outputs: new Map([['y', y]]),
    states: new Map([['past', y]]),
    weights: new Map(sources.map((weight) => [weight.name, weight])),
  };
}

function step(
  interpreter: Interpreter,
  tokens: number[],
  positions: number[],
  graph = GRAPH,
): number[] {
  const dims = { B: positions.length, T: tokens.length / positions.length, S: 16 };
  const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
  return [...f32Of(interpreter.run(graph, dims, fed).get('y')!)];
}

test('each channel is convolved with its own past, which starts at zeros', () => {
  verify(GRAPH);
  const interpreter = new Interpreter(floatNumerics);
  assert.deepEqual(step(interpreter, [1, 2, 3], [0]), [4, 10, 10, 20, 17, 30]);
  assert.deepEqual(step(interpreter, [4], [3]), [2 + 6 + 16, 40]);
});

test('a sequence that starts again at 0 forgets, and the other goes on, also when a third joins', () => {
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, [1, 2, 5, 6], [0, 0]);
  assert.deepEqual(step(interpreter, [3, 7], [0, 2]), [12, 30, 5 + 12 + 28, 70]);
  assert.deepEqual(step(interpreter, [0, 0, 1], [1, 3, 0]), [6, 0, 6 + 14, 0, 4, 10]);
});

test('taps may be tokens apart, in one step and in several', () => {
  const [past, taps] = [
    makeNode('state', [], { name: 'past', type: tensor('f32', ['B', 4, 2]) }),
    GRAPH.outputs.get('y')!.inputs[2]!,
  ];
  const [, x, , position] = GRAPH.outputs.get('y')!.inputs as [Node, Node, Node, Node];
  const y = makeNode('causalConvolution', [past, x, taps, position], { dilation: 2 });
  const graph = { ...GRAPH, outputs: new Map([['y', y]]), states: new Map([['past', y]]) };
  verify(graph);
  const channel = (interpreter: Interpreter, tokens: number[], at: number): number[] =>
    step(interpreter, tokens, [at], graph).filter((_, i) => i % 2 === 0);
  const whole = [4, 8, 2 + 12, 4 + 16, 1 + 6 + 20]; // 1, 2, 3, 4, 5 by taps 1, 2, 4, two apart
  assert.deepEqual(channel(new Interpreter(floatNumerics), [1, 2, 3, 4, 5], 0), whole);
  const cut = new Interpreter(floatNumerics);
  assert.deepEqual([...channel(cut, [1, 2], 0), ...channel(cut, [3, 4, 5], 2)], whole);
});

test('a recurrent state cannot go back or be skipped over', () => {
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, [1, 2, 3], [0]);
  for (const position of [2, 4]) {
    assert.throws(() => step(interpreter, [4], [position]), {
      message: `a step with recurrent state must start at token 0 or 3, not at ${position}`,
      where: 'sequence 0',
    });
  }
  assert.deepEqual(step(interpreter, [4], [3]), [24, 40]);
  interpreter.reset();
  assert.throws(() => step(interpreter, [4], [3]), /token 0 or 0, not at 3/);
});

test('a snapshot comes back exactly, also after a reset and when another sequence has joined', () => {
  const interpreter = new Interpreter(floatNumerics);
  step(interpreter, [1, 2, 3], [0]);
  const snapshot = interpreter.snapshot();
  const once = step(interpreter, [4, 5], [3]);
  interpreter.restore(snapshot);
  assert.deepEqual(step(interpreter, [4, 5], [3]), once);
  interpreter.restore(snapshot);
  assert.deepEqual(step(interpreter, [4, 6], [3, 0]), [once[0], once[1], 24, 60]);
  interpreter.restore(snapshot);
  assert.throws(() => step(interpreter, [4], [5]), /token 0 or 3, not at 5/);
  interpreter.reset();
  interpreter.restore(snapshot);
  assert.deepEqual(step(interpreter, [4, 5], [3]), once);
});
