import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../base/index.ts';
import { floatNumerics } from './float.ts';
import { makeNode, type Graph } from './graph.ts';
import { Interpreter } from './interpret.ts';
import { tensor } from './types.ts';
import { f32Of } from './value.ts';

const ROWS = 1000;

/** Row n of the table is (n, −n); notes which rows are read, and whether all are. */
function sketch(): { readonly graph: Graph; readonly reads: (number | 'all')[] } {
  const reads: (number | 'all')[] = [];
  const rows = (start: number, count: number): Float32Array =>
    Float32Array.from({ length: 2 * count }, (_, i) => (start + (i >> 1)) * (i % 2 === 0 ? 1 : -1));
  const source = {
    name: 'table',
    shape: [ROWS, 2],
    load: () => (reads.push('all'), rows(0, ROWS)),
    loadRows: (start: number, count: number) => (reads.push(start), rows(start, count)),
  };
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const table = makeNode('weight', [], { name: 'table', type: tensor('f32', [ROWS, 2]) });
  const y = makeNode('embedding', [tokens, table], {});
  const graph: Graph = {
    name: 'table',
    outputs: new Map([['y', y]]),
    states: new Map(),
    weights: new Map([['table', source]]),
  };
  return { graph, reads };
}

function run(interpreter: Interpreter, graph: Graph, tokens: number[]): number[] {
  const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.of(0) };
  const results = interpreter.run(graph, { B: 1, T: tokens.length, S: 8 }, fed);
  return [...f32Of(results.get('y')!)];
}

test('of a table too large to keep only the rows of the tokens are read, each once a step', () => {
  const { graph, reads } = sketch();
  const small = new Interpreter(floatNumerics, 4 * 2 * ROWS - 1);
  const found = run(small, graph, [7, 999, 7, 0]);
  assert.deepEqual(reads, [7, 999, 0]);
  assert.deepEqual(found, run(new Interpreter(floatNumerics), graph, [7, 999, 7, 0]));
  assert.deepEqual(reads, [7, 999, 0, 'all']);
});

test('a token that such a table does not have is refused as it is by any other', () => {
  for (const kept of [0, 2 ** 20]) {
    const { graph } = sketch();
    assert.throws(
      () => run(new Interpreter(floatNumerics, kept), graph, [1, ROWS]),
      (error) => error instanceof UsageError && error.message.endsWith('from 0 to 999, not 1000'),
    );
  }
});
