/**
 * A model as small as can be that keeps all kinds of state: rows of keys, entries of several tokens each,
 * and, where asked for, rows of a convolution that steps replace. Its weights are random, so that a token
 * depends on all before it.
 */
import { Random } from '../src/base/index.ts';
import { makeNode, tensor, type Graph, type Node } from '../src/ir/index.ts';

export const VOCABULARY = 24;
const WIDTH = 4;
const TAPS = 3;

export function smallModel(kind: 'rows' | 'replaced'): Graph {
  const random = new Random(7);
  const weights = new Map<
    string,
    Graph['weights'] extends ReadonlyMap<string, infer W> ? W : never
  >();
  const weight = (name: string, shape: number[]): Node => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: size }, () => 4 * random.float() - 2);
    weights.set(name, { name, shape, load: () => values });
    return makeNode('weight', [], { name, type: tensor('f32', shape) });
  };
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  const x = makeNode('embedding', [tokens, weight('table', [VOCABULARY, WIDTH])], {});
  const heads = (node: Node): Node => makeNode('splitHeads', [node], { heads: 1 });
  const states = new Map<string, Node>();
  const rows = (name: string): Node => {
    const state = makeNode('state', [], { name, type: tensor('f32', ['B', 'S', 1, WIDTH]) });
    const own = makeNode('linear', [mixed, weight(`${name}.w`, [WIDTH, WIDTH])], {});
    const appended = makeNode('append', [state, heads(own), position], {});
    states.set(name, appended);
    return appended;
  };
  const mixed = kind === 'rows' ? x : convolved(x, position, weight('taps', [WIDTH, TAPS]), states);
  const attended = makeNode('attention', [heads(mixed), rows('keys'), rows('values'), position], {
    scale: 1,
    valueWidth: WIDTH,
  });
  const sum = makeNode('add', [mixed, makeNode('mergeHeads', [attended], {})], {});
  const logits = makeNode('linear', [sum, weight('head', [VOCABULARY, WIDTH])], {});
  return {
    name: `small model with ${kind}`,
    outputs: new Map([
      ['logits', logits],
      ['next', makeNode('argMax', [logits], {})],
    ]),
    states,
    weights,
  };
}

function convolved(x: Node, position: Node, taps: Node, states: Map<string, Node>): Node {
  const type = tensor('f32', ['B', TAPS - 1, WIDTH]);
  const past = makeNode('state', [], { name: 'past', type });
  const y = makeNode('causalConvolution', [past, x, taps, position], {});
  states.set('past', y);
  return y;
}
