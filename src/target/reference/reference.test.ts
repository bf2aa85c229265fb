import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError } from '../../base/index.ts';
import { compile, type Pass, type Program } from '../../compile/index.ts';
import {
  floatNumerics,
  makeNode,
  parseGraph,
  tensor,
  type Graph,
  type Numerics,
} from '../../ir/index.ts';
import { referenceTarget } from './target.ts';

/** Logits are the mean of the embedded tokens so far; the table is (4,4), 4 times the identity. */
function meanGraph(): Graph {
  const graph = parseGraph(`graph mean
%0 = input() {"name":"tokens"} : i32[B,T]
%1 = input() {"name":"position"} : i32[B]
%2 = weight() {"name":"table"} : f32[4,4]
%3 = embedding(%0, %2) : f32[B,T,4]
%4 = splitHeads(%3) {"heads":1} : f32[B,T,1,4]
%5 = state() {"name":"kv"} : f32[B,S,1,4]
%6 = append(%5, %4, %1) : f32[B,S,1,4]
%7 = attention(%4, %6, %6, %1) {"scale":1e-30,"valueWidth":4} : f32[B,T,1,4]
%8 = mergeHeads(%7) : f32[B,T,4]
%9 = argMax(%8) : i32[B,T]
output logits = %8
output next = %9
state kv = %6
`);
  const identity = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 4 : 0));
  const table = { name: 'table', shape: [4, 4], load: () => identity };
  return { ...graph, weights: new Map([['table', table]]) };
}

function inputs(
  tokens: number[],
  positions: number[],
): { tokens: Int32Array; positions: Int32Array } {
  return { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
}

test('a program runs on the device and state outlives it', () => {
  const target = referenceTarget();
  const device = target.open({});
  const first = compile(meanGraph(), target, { B: 1, T: 2, S: 2 });
  const result = device.run(first, inputs([1, 1], [0]));
  assert.deepEqual([...result.logits], [0, 4, 0, 0, 0, 4, 0, 0]);
  assert.deepEqual([...result.next], [1, 1]);
  assert.equal(result.cycles, null);
  const second = compile(meanGraph(), target, { B: 1, T: 1, S: 100 });
  assert.deepEqual([...device.run(second, inputs([3], [2])).next], [1]);
  device.reset();
  assert.deepEqual([...device.run(second, inputs([3], [0])).next], [3]);
  device.close();
});

test('context is compiled for in powers of two; batch and tokens stay exact', () => {
  const target = referenceTarget();
  assert.deepEqual(target.bucket({ B: 3, T: 5, S: 5 }), { B: 3, T: 5, S: 64 });
  assert.deepEqual(target.bucket({ B: 3, T: 5, S: 64 }), { B: 3, T: 5, S: 64 });
  assert.deepEqual(target.bucket({ B: 3, T: 5, S: 65 }), { B: 3, T: 5, S: 128 });
});

test('positions beyond the compiled context do not fit', () => {
  const target = referenceTarget();
  const program = compile(meanGraph(), target, { B: 1, T: 1, S: 64 });
  assert.throws(() => target.open({}).run(program, inputs([0], [64])), CapacityError);
});

test('the hash tells graphs, dims and numerics apart, and nothing else', () => {
  const hashOf = (S: number, numerics: Numerics, graph = meanGraph()): string =>
    compile(graph, referenceTarget(numerics), { B: 1, T: 1, S }).hash;
  const hash = hashOf(64, floatNumerics);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(hashOf(20, floatNumerics), hash, 'the same bucket');
  assert.notEqual(hashOf(65, floatNumerics), hash);
  assert.notEqual(hashOf(64, { ...floatNumerics, name: 'other' }), hash);
  assert.notEqual(hashOf(64, floatNumerics, { ...meanGraph(), name: 'other' }), hash);
});

test('the listing is the graph, and the memory map its weights and states', () => {
  const program: Program = compile(meanGraph(), referenceTarget(), { B: 2, T: 1, S: 64 });
  const [header, ...lines] = program.listing().split('\n');
  assert.equal(header, '; float numerics, B=2 T=1 S=64');
  assert.equal(parseGraph(lines.join('\n')).name, 'mean');
  assert.equal(program.sizeBytes, program.listing().length);
  assert.equal(program.memoryMap(), 'state kv: f32[2,64,1,4]\nweight table: f32[4,4]\n');
});

test('its passes run before the program is made', () => {
  const negate: Pass = {
    name: 'negate',
    run: (graph) => {
      const table = { name: 'minus', shape: [1, 4], load: () => new Float32Array(4).fill(-1) };
      const weights = new Map([...graph.weights, ['minus', table]]);
      const type = tensor('f32', [1, 4]);
      const minus = makeNode('weight', [], { name: 'minus', type });
      const logits = makeNode('linear', [graph.outputs.get('logits')!, minus], {});
      const next = makeNode('argMax', [logits], {});
      return {
        ...graph,
        weights,
        outputs: new Map([
          ['logits', logits],
          ['next', next],
        ]),
      };
    },
  };
  const target = referenceTarget(floatNumerics, [negate]);
  const program = compile(meanGraph(), target, { B: 1, T: 1, S: 1 });
  assert.deepEqual([...target.open({}).run(program, inputs([2], [0])).logits], [-4]);
});
