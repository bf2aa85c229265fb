import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError } from '../base/index.ts';
import { makeNode, type Graph, type Node } from './graph.ts';
import { parseGraph } from './parse.ts';
import { tensor } from './types.ts';
import { verify } from './verify.ts';

const weight = makeNode('weight', [], { name: 'w', type: tensor('f32', [4]) }, 'layers.0.w');

function graphOf(y: Node): Graph {
  const source = { name: 'w', shape: [4], load: () => new Float32Array(4) };
  const weights = new Map([['w', source]]);
  return { name: 'g', outputs: new Map([['y', y]]), states: new Map(), weights };
}

test('a graph that keeps the rules passes', () => {
  verify(graphOf(makeNode('silu', [weight], {})));
});

test('weights must be declared, with the shape that nodes give them', () => {
  assert.throws(() => verify({ ...graphOf(weight), weights: new Map() }), {
    name: ShapeError.name,
    message: 'layers.0.w: weight: weight w must be declared by the graph',
    where: 'graph g',
  });
  const other = makeNode('weight', [], { name: 'w', type: tensor('f32', [5]) });
  assert.throws(() => verify(graphOf(other)), {
    message: 'weight: weight w must be f32[4], not f32[5]',
  });
});

test('types are derived again, so a node cannot claim another', () => {
  const silu = makeNode('silu', [weight], {}, 'layers.0.act');
  assert.throws(() => verify(graphOf({ ...silu, type: tensor('f32', [5]) })), {
    message: 'layers.0.act: silu: type must be f32[4], not f32[5]',
  });
});

test('attributes must be of their kind', () => {
  const type = tensor('f32', [4]);
  const rms = { op: 'rmsNormalization', inputs: [weight, weight], type, label: '' } as const;
  assert.throws(() => verify(graphOf({ ...rms, attrs: { epsilon: NaN } })), {
    message: 'rmsNormalization: epsilon must be a finite number, not null',
  });
});

test('an op must be one of the table', () => {
  const type = tensor('f32', [4]);
  const node = { op: 'toString', inputs: [], attrs: {}, type, label: 'layers.0' };
  assert.throws(() => verify(graphOf(node as unknown as Node)), {
    message: 'layers.0: toString: must be an op of the op table',
  });
});

test('all problems are listed, up to twenty', () => {
  const lines = Array.from({ length: 25 }, (_, i) => `%${i} = state() {"name":"s${i}"} : f32[4]`);
  const outputs = Array.from({ length: 25 }, (_, i) => `output y${i} = %${i}`);
  const graph = parseGraph(['graph g', ...lines, ...outputs].join('\n'));
  assert.throws(
    () => verify(graph),
    ({ message }: Error) => {
      assert.equal(message.match(/state must be \(B,S,G,K\)/g)?.length, 20);
      assert.match(message, /; and 5 more$/);
      return true;
    },
  );
});
