/**
 * Heads of multi-token prediction under the engine that serves many: each sequence has a slot of the head's
 * device; what is chosen is what is chosen without, and a beginning that was there already brings the hidden
 * rows that the head needs, so that it guesses as if it had seen all.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { loadChip } from '../src/chip/index.ts';
import type { Target } from '../src/compile/index.ts';
import { Engine, predictorDrafts } from '../src/engine/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { serveAll, type Served, type Visit } from './serving.ts';

const CONTEXT = 64;
const LIMITS = { contextTokens: CONTEXT, blockTokens: 4, maxSequences: 3 };
const jade = (): Target =>
  jadeTarget(loadChip('jade-edge'), { contextTokens: CONTEXT, batch: LIMITS.maxSequences });

const NEVER = -1;

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
const VISITS: readonly Visit[] = [
  { id: 'a', prompt: PROMPT, maxNewTokens: 9, atStep: 0 },
  { id: 'b', prompt: PROMPT.slice(3), maxNewTokens: 12, atStep: 1 },
  { id: 'c', prompt: [...PROMPT.slice(0, 9), 7], maxNewTokens: 6, atStep: 1, abortAtStep: 3 },
  { id: 'd', prompt: PROMPT, maxNewTokens: 9, atStep: 16 },
  { id: 'e', prompt: PROMPT.slice(2), maxNewTokens: 7, atStep: 16 },
];

const CASES: readonly (readonly [string, () => Target])[] = [
  ['deepseek-v3-yarn', referenceTarget],
  ['qwen3.5-moe', referenceTarget],
  ['deepseek-v4-heavy-first', cpuTarget],
  ['qwen3-next', cpuTarget],
  ['deepseek-v3-yarn', jade],
];

for (const [name, open] of CASES) {
  const target = open();
  test(`${name} on ${target.name}: guesses of a head, one for each sequence, change no token`, () => {
    const model = loadModel(path.join(import.meta.dirname, 'golden', name));
    const plain = new Engine(model.graph({ logits: 'last' }), target, target.open({}), LIMITS);
    const drafts = predictorDrafts(
      model.predictor({ logits: 'last' }),
      target,
      target.open({}),
      CONTEXT,
      2,
    );
    const graph = model.graph({ logits: 'all', hidden: true });
    const engine = new Engine(graph, target, target.open({}), { ...LIMITS, drafts });
    const served = serveAll(engine, VISITS);
    const tokensOf = ({ chosen }: Served): number[] => chosen.map(({ token }) => token);
    for (const [id, required] of serveAll(
      plain,
      VISITS.map((visit) => ({ ...visit, abortAtStep: NEVER })),
    )) {
      const own = served.get(id)!;
      const all = tokensOf(required);
      const end = own.end === 'aborted' ? own.chosen.length : all.length;
      assert.deepEqual(tokensOf(own), all.slice(0, end), id);
    }
    const [first, again] = [served.get('a')!.usage!, served.get('d')!.usage!];
    assert.equal(first.cachedTokens, 0);
    assert.equal(again.cachedTokens, 8);
    assert.ok(first.draftedTokens > 0);
    const { draftedTokens, acceptedTokens } = first;
    assert.deepEqual(
      [again.draftedTokens, again.acceptedTokens],
      [draftedTokens, acceptedTokens],
      'the head guesses as if it had seen all',
    );
    assert.equal(engine.status().usedBlocks, 0);
  });
}
