import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goldenGraph, readGolden, type GoldenCase } from '../../../test/golden.ts';
import { portion } from '../../../test/portion.ts';
import { quantizedGraph } from '../../../test/quantizeWeights.ts';
import { bitsOf, Session } from '../../../test/session.ts';
import { CapacityError } from '../../base/index.ts';
import { compileLowered, lowerGraph } from '../../compile/index.ts';
import type { CpuProgram } from './emit.ts';
import { MEMORY_SPAN } from './kernels/memories.ts';
import { cpuTarget, type CpuOptions } from './target.ts';
import { placeWeights } from './weightPlaces.ts';

for (const [i, name] of ['qwen3-tiny', 'deepseek-v3-tiny'].entries()) {
  const [{ promptTokens }] = readGolden(name) as [GoldenCase];
  const graph = quantizedGraph(goldenGraph(name, 'naive'), 'Q8_0');
  const program = compileLowered(lowerGraph(graph, cpuTarget()), cpuTarget(), {
    B: 1,
    T: 4,
    S: 64,
  }) as CpuProgram;
  const [all] = placeWeights(program, Infinity).ends as [number];
  /** Some three memories; the table of tokens fills one. */
  const memoryBytes = Math.ceil(0.45 * all);
  const { weights, ends } = placeWeights(program, memoryBytes);

  test(`${name}: weights lie apart, and panels alone beyond the first memory`, () => {
    assert.ok(ends.length > 2, `${ends.length} memories`);
    const places = [...weights].toSorted(([, a], [, b]) => a - b);
    for (const [weight, place] of places) {
      const memory = Math.floor(place / MEMORY_SPAN);
      assert.equal(memory > 0, program.storage.has(weight), weight);
    }
    assert.equal(new Set(weights.values()).size, weights.size);
    assert.deepEqual([...weights.keys()], [...program.model.weights]);
  });

  const options: [string, CpuOptions][] = [
    ['WebAssembly', { emitter: 'wasm' }],
    ['WebAssembly on two threads', { emitter: 'wasm', threads: 2 }],
    ['what runs best', { emitter: 'auto' }],
    ['what runs best on two threads', { emitter: 'auto', threads: 2 }],
  ];
  for (const [how, option] of portion(options, 2, i)) {
    test(`${name}: weights in ${ends.length} memories give the bits of weights in one, by ${how}`, () => {
      const logits = (more: CpuOptions): Uint32Array => {
        const session = new Session(cpuTarget({ ...option, ...more }), graph);
        const tokens = promptTokens.slice(0, 12);
        return bitsOf(session.feed(tokens, 8));
      };
      assert.deepEqual(logits({ memoryBytes }), logits({}));
    });
  }

  test(`${name}: weights that no memory holds are refused`, () => {
    const session = new Session(cpuTarget({ memoryBytes: 4096 }), graph);
    assert.throws(() => session.feed(promptTokens, 8), CapacityError);
  });
}
