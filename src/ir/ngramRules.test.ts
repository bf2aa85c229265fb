import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nGramGate } from './floatNGram.ts';
import { floatNumerics } from './float.ts';
import { makeNode, type Graph } from './graph.ts';
import { Interpreter } from './interpret.ts';
import { wordsOf } from './ngram.ts';
import { tensor } from './types.ts';
import { i32Of } from './value.ts';

const MULTIPLIERS = [2n ** 52n + 1n, 2n ** 51n + 3n, 7n];
const MODULI = [101, 103, 107, 109];

/** Rows of n-grams of tokens, whose class is the token itself. */
function rowsGraph(): Graph {
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  const classes = makeNode('weight', [], { name: 'c', type: tensor('f32', [1000]) });
  const state = makeNode('state', [], { name: 'recent', type: tensor('f32', ['B', 2]) });
  const attrs = { multipliers: MULTIPLIERS.flatMap(wordsOf), moduli: MODULI, padding: 2 };
  const rows = makeNode('ngramRows', [state, tokens, position, classes], attrs);
  const load = (): Float32Array => Float32Array.from({ length: 1000 }, (_, i) => i);
  const weights = new Map([['c', { name: 'c', shape: [1000], load }]]);
  return {
    name: 'g',
    outputs: new Map([['rows', rows]]),
    states: new Map([['recent', rows]]),
    weights,
  };
}

/** The definition, for the token behind `before`, which a sequence starts with tokens 2. */
function definition(newestFirst: readonly number[]): number[] {
  const [a, b, c] = newestFirst.map((id, i) => BigInt(id) * MULTIPLIERS[i]!) as [
    bigint,
    bigint,
    bigint,
  ];
  const offsets = [0, 101, 204, 311];
  return MODULI.map((m, i) => offsets[i]! + Number((i < 2 ? a ^ b : a ^ b ^ c) % BigInt(m)));
}

test('rows are those of the definition, however a text is cut', () => {
  const tokens = [999, 17, 998, 3, 64, 5];
  const padded = [2, 2, ...tokens];
  const required = tokens.flatMap((_, t) => definition(padded.slice(t, t + 3).toReversed()));
  for (const cuts of [[6], [1, 1, 1, 1, 1, 1], [4, 2]]) {
    const interpreter = new Interpreter(floatNumerics);
    const graph = rowsGraph();
    let at = 0;
    const found = cuts.flatMap((T) => {
      const fed = {
        tokens: Int32Array.from(tokens.slice(at, at + T)),
        positions: Int32Array.of(at),
      };
      at += T;
      return [...i32Of(interpreter.run(graph, { B: 1, T, S: 8 }, fed).get('rows')!)];
    });
    assert.deepEqual(found, required);
  }
});

test('a gate is that of the angle between stream and key', () => {
  const ones = Float32Array.of(1, 1, 1, 1);
  const gate = (x: number[], key: number[]): number =>
    nGramGate({
      x: Float32Array.from(x),
      key: Float32Array.from(key),
      weights: [ones, ones],
      epsilon: 1e-20,
    });
  const sigmoid = (x: number): number => Math.fround(1 / (1 + Math.exp(-x)));
  assert.equal(gate([3, 3, 3, 3], [0.5, 0.5, 0.5, 0.5]), sigmoid(Math.sqrt(2))); // d = 4 / √4
  assert.equal(gate([1e-3, 0, 0, 0], [-1e12, 0, 0, 0]), sigmoid(-Math.sqrt(2))); // d = −4 / √4
  assert.equal(gate([1, 0, 0, 0], [0, 1, 0, 0]), sigmoid(1e-3)); // |d| counts as 1e-6 at least
});
