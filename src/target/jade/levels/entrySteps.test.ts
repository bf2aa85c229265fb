/** The closed form of compressors and choices against what is scheduled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../../chip/index.ts';
import { fuseKernels, lowerGraph, orderKernels, type Kernel } from '../../../compile/index.ts';
import {
  countElements,
  makeNode,
  tensor,
  type Graph,
  type Node,
  type WeightSource,
} from '../../../ir/index.ts';
import { jadeTarget } from '../target.ts';
import { choiceSteps, compressSteps } from './entrySteps.ts';
import type { RepeatedStep } from './repeatedSteps.ts';

const [ROWS, CONTEXT] = [4, 96];
const TARGET = jadeTarget(loadChip('jade-edge'), { contextTokens: CONTEXT });
const CHOSEN = { topK: 3, tokensPerRow: 3, blockRows: 2 } as const;

/** A window with entries of 3 tokens, chosen within the best of their blocks. */
class Sketch {
  readonly weights = new Map<string, WeightSource>();
  readonly states = new Map<string, Node>();
  readonly position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });

  weight(...shape: number[]): Node {
    const name = `w${this.weights.size}`;
    this.weights.set(name, { name, shape, load: () => new Float32Array(countElements(shape)) });
    return makeNode('weight', [], { name, type: tensor('f32', shape) });
  }

  linear(x: Node, width: number, heads?: number): Node {
    const y = makeNode('linear', [x, this.weight(width, 64)], {});
    return heads === undefined ? y : makeNode('splitHeads', [y], { heads });
  }

  change(op: 'compress' | 'windowAttention', shape: number[], make: (state: Node) => Node): Node {
    const name = `${op}${this.states.size}`;
    const node = make(makeNode('state', [], { name, type: tensor('f32', ['B', ...shape]) }, name));
    this.states.set(name, node);
    return node;
  }

  entries(x: Node, K: number, overlap: boolean): Node {
    const width = overlap ? 2 * K : K;
    const rows = makeNode('concat', [this.linear(x, width), this.linear(x, width)], {});
    const attrs = { tokensPerRow: 3, overlap };
    const pooled = this.change('compress', [overlap ? 5 : 2, 2 * width], (state) =>
      makeNode('compress', [state, rows, this.position], attrs, `compress ${overlap}`),
    );
    const name = `entries${this.states.size}`;
    const state = makeNode('state', [], { name, type: tensor('f32', ['B', 'S', 1, K]) }, name);
    const one = makeNode('splitHeads', [pooled], { heads: 1 });
    const append = makeNode('append', [state, one, this.position], { tokensPerRow: 3 }, name);
    this.states.set(name, append);
    return append;
  }

  graph(): Graph {
    const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
    const x = makeNode('embedding', [tokens, this.weight(50, 64)], {});
    const [keys, entries] = [this.entries(x, 32, false), this.entries(x, 32, true)];
    const query = [this.linear(x, 96, 3), this.linear(x, 3), keys, this.position];
    const blocks = makeNode('topBlocks', query, CHOSEN, 'topBlocks');
    const chosen = makeNode('topRows', [...query, blocks], CHOSEN, 'topRows');
    const attended = this.change('windowAttention', [16, 1, 32], (state) => {
      const rows = [this.linear(x, 96, 3), this.linear(x, 32, 1), this.weight(3)];
      const inputs = [state, ...rows, this.position, entries, chosen];
      return makeNode('windowAttention', inputs, { scale: 1, tokensPerRow: 3 }, 'window');
    });
    const merged = makeNode('mergeHeads', [attended], {});
    const logits = makeNode('linear', [merged, this.weight(50, 96)], {});
    const outputs = new Map([
      ['logits', logits],
      ['next', makeNode('argMax', [logits], {})],
    ]);
    const { weights, states } = this;
    return { name: 'entries', outputs, states, weights };
  }
}

function stepsOf({ anchors: [anchor] }: Kernel): RepeatedStep[] | undefined {
  if (anchor!.op === 'compress') return compressSteps(anchor, ROWS);
  const isChoice = anchor!.op === 'topRows' || anchor!.op === 'topBlocks';
  return isChoice ? choiceSteps(anchor, ROWS, 32) : undefined;
}

/** Products of index queries, and the marks that a choice starts with, are no part of it. */
const OF_SCORES = { topBlocks: 4, topRows: 3, compress: 0 } as const;

test('the closed form counts the instructions of compressors and choices that are scheduled', () => {
  const lowered = lowerGraph(new Sketch().graph(), TARGET);
  const kernels = orderKernels(fuseKernels(lowered));
  const schedule = TARGET.schedule(kernels, lowered, { B: 1, T: ROWS, S: CONTEXT });
  const counted = kernels.filter((kernel) => stepsOf(kernel) !== undefined);
  assert.equal(counted.length, 4);
  for (const kernel of counted) {
    const emitted = schedule.instructions.filter(({ label }) => label === kernel.name);
    const others = ['load', 'gather', 'store', 'matmul'];
    const vector = emitted.filter(({ op }) => !others.includes(op));
    const times = stepsOf(kernel)!.reduce((sum, step) => sum + step.times, 0);
    const scores = OF_SCORES[kernel.anchors[0]!.op as keyof typeof OF_SCORES];
    assert.equal(times + scores, vector.length, kernel.name);
  }
});
