/**
 * Speculative decoding is lossless: with any guesses, on any state, the tokens are those of plain greedy
 * generation. Models with recurrent state must come back from wrong guesses exactly.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import type { Target } from '../src/compile/index.ts';
import {
  complete,
  generate,
  lookupDrafter,
  ModelRunner,
  speculate,
  type Drafter,
  type Generation,
  type Speculation,
} from '../src/engine/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { portion } from './portion.ts';

const MODELS = [
  'qwen3-tied',
  'qwen3-next',
  'qwen3.5',
  'qwen3.5-moe',
  'deepseek-v3-yarn',
  'deepseek-v3.2-sparse',
  'deepseek-v4-compressed',
  'deepseek-v4-heavy-first',
  'deepseek-v4.1-shared',
  'qwen3.8-flash-next',
];
const TARGETS: readonly (() => Target)[] = [referenceTarget, cpuTarget];

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
const COUNT = 40;

function runnerOf(model: string, target: Target, contextTokens = 128): ModelRunner {
  const folder = path.join(import.meta.dirname, 'golden', model);
  const graph = loadModel(folder).graph({ logits: 'all' });
  return new ModelRunner(graph, target, target.open({}), contextTokens);
}

function guess(...request: Parameters<typeof speculate>): Speculation {
  return complete(speculate(...request));
}

function greedy(runner: ModelRunner, maxNewTokens: number): Generation {
  return complete(generate(runner, PROMPT, { maxNewTokens }));
}

/** Guesses the true continuation up to a token that is wrong, now after more, now after fewer. */
function mostlyRight(truth: readonly number[]): Drafter {
  return (tokens) => {
    const at = tokens.length - PROMPT.length;
    const wrong = at % 5;
    return truth.slice(at, at + 6).map((token, i) => (i === wrong ? (token + 1) % 64 : token));
  };
}

for (const [i, model] of MODELS.entries()) {
  for (const open of portion(TARGETS, 2, i)) {
    const target = open();
    test(`${model} on ${target.name}: guesses change nothing but the number of steps`, () => {
      const truth = greedy(runnerOf(model, target), COUNT).tokens;
      assert.equal(truth.length, COUNT);
      const drafters = {
        none: () => [],
        right: (tokens: readonly number[]) =>
          truth.slice(tokens.length - PROMPT.length).slice(0, 5),
        wrong: (tokens: readonly number[]) => [(tokens.at(-1)! + 7) % 64, 0, 0],
        mostlyRight: mostlyRight(truth),
        lookup: lookupDrafter(1, 4),
      };
      for (const [name, draft] of Object.entries(drafters)) {
        const found = guess(runnerOf(model, target), PROMPT, { maxNewTokens: COUNT, draft });
        assert.deepEqual(found.tokens, truth, name);
        assert.equal(found.finishReason, 'length');
        if (name === 'right') assert.equal(found.accepted, found.drafted);
        if (name === 'mostlyRight')
          assert.ok(found.accepted > 10 && found.accepted < found.drafted);
      }
    });
  }
}

test('end tokens and a full context end speculation as they end generation', () => {
  const truth = greedy(runnerOf('qwen3.5', cpuTarget()), COUNT).tokens;
  const draft = mostlyRight(truth);
  const stop = truth[7]!;
  const found = guess(runnerOf('qwen3.5', cpuTarget()), PROMPT, {
    maxNewTokens: COUNT,
    eosTokenIds: [stop],
    draft,
  });
  assert.equal(found.finishReason, 'stop');
  assert.deepEqual(found.tokens, truth.slice(0, truth.indexOf(stop) + 1));
  const small = guess(runnerOf('qwen3.5', cpuTarget(), 20), PROMPT, {
    maxNewTokens: COUNT,
    draft,
  });
  assert.equal(small.finishReason, 'context');
  assert.deepEqual(small.tokens, truth.slice(0, 20 - PROMPT.length + 1));
  const none = guess(runnerOf('qwen3.5', cpuTarget()), PROMPT, { maxNewTokens: 0, draft });
  assert.deepEqual([none.tokens, none.finishReason], [[], 'length']);
});

test('guesses cannot be judged from logits of the last token alone', () => {
  const target = cpuTarget();
  const folder = path.join(import.meta.dirname, 'golden', 'qwen3.5');
  const graph = loadModel(folder).graph({ logits: 'last' });
  const runner = new ModelRunner(graph, target, target.open({}), 64);
  assert.throws(
    () => guess(runner, PROMPT, { maxNewTokens: 4, draft: () => [] }),
    /the graph must give logits of all tokens, not of the last/,
  );
});

test('tokens are looked up where the last ones occurred before', () => {
  const draft = lookupDrafter(2, 3);
  assert.deepEqual(draft([7, 8, 1, 2, 3, 7, 8]), [1, 2, 3]);
  assert.deepEqual(draft([7, 8, 1, 7, 8, 2, 9, 7, 8]), [2, 9, 7]);
  assert.deepEqual(draft([1, 2, 3]), []);
});
