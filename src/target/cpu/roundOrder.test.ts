/** Steps of one round do not depend on one another, so their order does not matter. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { bitsOf, Session } from '../../../test/session.ts';
import type { Kernel } from '../../compile/index.ts';
import type { Dims, Graph } from '../../ir/index.ts';
import { loadModel } from '../../model/index.ts';
import type { CpuSchedule } from './schedule.ts';
import { CpuTarget } from './target.ts';

const GOLDEN = path.join(import.meta.dirname, '../../../test/golden');

const MODELS = [
  'qwen3-wide',
  'qwen3-moe',
  'qwen3.5-moe',
  'deepseek-v3-yarn',
  'deepseek-v3.2-sparse',
  'deepseek-v4-compressed',
  'qwen3.8-flash-next',
];

const PROMPT = Array.from({ length: 21 }, (_, i) => (i * i + 3 * i + 5) % 64);

/** Runs the steps of each round from the last to the first. */
class Backward extends CpuTarget {
  override schedule(kernels: readonly Kernel[], graph: Graph, dims: Dims): CpuSchedule {
    const schedule = super.schedule(kernels, graph, dims);
    const steps = schedule.steps.toReversed().toSorted((a, b) => a.round - b.round);
    return { ...schedule, steps };
  }
}

function logitsOf(name: string, target: CpuTarget): readonly string[] {
  const graph = loadModel(path.join(GOLDEN, name)).graph({ logits: 'last' });
  const session = new Session(target, graph);
  return [session.feed(PROMPT, 12), session.step([11])].map((row) => bitsOf(row).join());
}

for (const name of MODELS) {
  test(`${name}: the steps of a round give the same bits from the last to the first`, () => {
    const options = {
      contextTokens: Infinity,
      threads: 1,
      emitter: 'wasm',
      workOfPart: 1e9,
      activations: 'f32',
    } as const;
    const forward = logitsOf(name, new CpuTarget(options, { emitter: 'wasm' }));
    assert.deepEqual(logitsOf(name, new Backward(options, { emitter: 'wasm' })), forward);
  });
}
