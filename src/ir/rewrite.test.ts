import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countUses, makeNode, topologicalOrder, type Graph, type Node } from './graph.ts';
import { deduplicate, rewrite } from './rewrite.ts';
import { tensor } from './types.ts';

const weight = makeNode('weight', [], { name: 'w', type: tensor('f32', [4]) });

function graphOf(outputs: Readonly<Record<string, Node>>): Graph {
  const weights = new Map([['w', { name: 'w', shape: [4], load: () => new Float32Array(4) }]]);
  return { name: 'g', outputs: new Map(Object.entries(outputs)), states: new Map(), weights };
}

test('a rule that changes nothing gives the same nodes and keeps the weights', () => {
  const graph = graphOf({ y: makeNode('add', [weight, weight], {}) });
  const same = rewrite(graph, () => undefined);
  assert.equal(same.outputs.get('y'), graph.outputs.get('y'));
  assert.equal(same.weights, graph.weights);
});

test('a node that is used twice is rewritten once', () => {
  const shared = makeNode('silu', [weight], {});
  const seen: string[] = [];
  const graph = rewrite(
    graphOf({ a: makeNode('add', [shared, shared], {}), b: shared }),
    (node) => {
      seen.push(node.op);
      return node.op === 'silu'
        ? makeNode('mul', [node.inputs[0]!, node.inputs[0]!], {})
        : undefined;
    },
  );
  assert.deepEqual(seen, ['weight', 'silu', 'add']);
  const [left, right] = graph.outputs.get('a')!.inputs;
  assert.equal(left!.op, 'mul');
  assert.equal(left, right);
  assert.equal(left, graph.outputs.get('b'));
});

test('a replacement is not visited again, and labels and attributes of kept nodes stay', () => {
  const slice = makeNode('slice', [weight], { start: 1, size: 2 }, 'layers.3');
  const { outputs } = rewrite(graphOf({ y: slice }), (node) =>
    node.op === 'weight' ? makeNode('silu', [node], {}) : undefined,
  );
  const y = outputs.get('y')!;
  assert.deepEqual([y.op, y.attrs, y.label], ['slice', { start: 1, size: 2 }, 'layers.3']);
  assert.equal(y.inputs[0]!.op, 'silu');
  assert.equal(y.inputs[0]!.inputs[0], weight);
});

test('chains longer than the call stack are ordered, rewritten and merged', () => {
  const chain = (): Node => {
    let node: Node = weight;
    for (let i = 0; i < 50_000; i++) node = makeNode('silu', [node], {});
    return node;
  };
  const graph = graphOf({ a: chain(), b: chain() });
  assert.equal(topologicalOrder(graph).length, 100_001);
  const merged = deduplicate(graph);
  assert.equal(topologicalOrder(merged).length, 50_001);
  assert.equal(merged.outputs.get('a'), merged.outputs.get('b'));
});

test('uses count nodes, each operand of them, and outputs', () => {
  const y = makeNode('add', [weight, weight], {});
  const uses = countUses(graphOf({ y, again: y, w: weight }));
  assert.equal(uses.get(weight), 3);
  assert.equal(uses.get(y), 2);
});
