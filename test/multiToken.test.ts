/**
 * Heads of multi-token prediction against PyTorch (scripts/golden/mtp.py), and as drafts: with them too the
 * tokens are those of plain greedy generation, and what they guess does not depend on how they came to a place.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { decodeNpy } from '../src/base/index.ts';
import { loadChip } from '../src/chip/index.ts';
import type { Target } from '../src/compile/index.ts';
import {
  complete,
  generate,
  ModelRunner,
  predictorDrafter,
  speculate,
  type Drafter,
  type Step,
} from '../src/engine/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeNumerics, jadePasses, jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { portion } from './portion.ts';
import { bitsOf } from './session.ts';

const FOLDER = path.join(import.meta.dirname, 'golden');
const MODELS = [
  'deepseek-v3-yarn',
  'deepseek-v3.2-sparse',
  'deepseek-v4-heavy-first',
  'qwen3-next',
  'qwen3.5-moe',
  'qwen3.5-pictures',
];
const TARGETS: readonly (() => Target)[] = [referenceTarget, cpuTarget];

const CHIP = loadChip('jade-edge');
const jade = (): Target => jadeTarget(CHIP, { contextTokens: CHIP_CONTEXT, checkHazards: true });

/** Largest difference from PyTorch in a row of logits, relative to the row's largest. */
const TOLERANCE = 1e-4;

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
const COUNT = 24;
const CONTEXT = 320;
const CHIP_CONTEXT = 64;
/** Simulated ones take longer. */
const CHIP_COUNT = 8;

function runnerOf(model: string, target: Target, contextTokens = CONTEXT): ModelRunner {
  const graph = loadModel(path.join(FOLDER, model)).graph({ logits: 'all', hidden: true });
  return new ModelRunner(graph, target, target.open({}), contextTokens);
}

function headOf(model: string, target: Target, logits: 'last' | 'all' = 'last'): ModelRunner {
  const graph = loadModel(path.join(FOLDER, model)).predictor({ logits });
  return new ModelRunner(graph, target, target.open({}), CONTEXT);
}

interface Golden {
  /** Of the prompt and what follows it. */
  readonly tokens: readonly number[];
  /** After the last token, each from the one before. */
  readonly guesses: readonly number[];
  /** A row for each token but the last, then for each guess but the last. */
  readonly rows: readonly Float32Array[];
}

function readGolden(model: string): Golden {
  const folder = path.join(FOLDER, model);
  const file = JSON.parse(fs.readFileSync(path.join(folder, 'golden.json'), 'utf8')) as {
    promptTokens: number[];
    decodeTokens?: number[];
    guesses: number[];
  };
  const { shape, data } = decodeNpy(
    new Uint8Array(fs.readFileSync(path.join(folder, 'mtp.npy'))),
    model,
  );
  const width = shape[1]!;
  const rows = Array.from({ length: shape[0]! }, (_, i) =>
    data.slice(i * width, (i + 1) * width),
  ) as Float32Array[];
  const { promptTokens, decodeTokens = [], guesses } = file;
  return { tokens: [...promptTokens, ...decodeTokens], guesses, rows };
}

/** The hidden rows of `tokens`. */
function hiddenRows(runner: ModelRunner, tokens: readonly number[]): Float32Array {
  const steps = [...runner.feed(tokens)];
  return Float32Array.from(steps.flatMap(({ hidden }) => [...hidden!]));
}

/** Steps of `size` tokens at most. */
function* fed(
  head: ModelRunner,
  tokens: readonly number[],
  hidden: Float32Array,
  size: number,
): Generator<Step> {
  const width = hidden.length / tokens.length;
  for (let at = 0; at < tokens.length; at += size) {
    const rows = hidden.subarray(at * width, (at + size) * width);
    yield* head.feed(tokens.slice(at, at + size), rows);
  }
}

function requireRow(required: Float32Array, found: Float32Array, where: string): void {
  const largest = Math.max(...required.map(Math.abs));
  const error = Math.max(...required.map((value, i) => Math.abs(value - found[i]!))) / largest;
  assert.ok(error < TOLERANCE, `${where} differs by ${error}`);
}

for (const model of MODELS) {
  for (const open of TARGETS) {
    const target = open();
    test(`${model} on ${target.name}: the head gives PyTorch's logits, however it is fed`, () => {
      const { tokens, rows, guesses } = readGolden(model);
      const hidden = hiddenRows(runnerOf(model, target), tokens.slice(0, -1));
      for (const size of [tokens.length, 7]) {
        const head = headOf(model, target, 'all');
        const found: Float32Array[] = [];
        let step: Step | undefined;
        for (step of fed(head, tokens.slice(1), hidden, size)) found.push(...rowsOf(step));
        for (const guess of guesses.slice(0, -1)) {
          [step] = head.feed([guess], step!.hidden!.slice(-hidden.length / (tokens.length - 1)));
          found.push(...rowsOf(step!));
        }
        assert.equal(found.length, rows.length);
        for (const [i, row] of found.entries()) requireRow(rows[i]!, row, `row ${i}`);
      }
      const draft = predictorDrafter(headOf(model, target), guesses.length);
      assert.deepEqual(draft(tokens, hidden, 99), guesses);
    });
  }
}

function rowsOf({ logits, count }: Step): Float32Array[] {
  const width = logits.length / count;
  return Array.from({ length: count }, (_, i) => logits.slice(i * width, (i + 1) * width));
}

for (const [i, model] of MODELS.entries()) {
  for (const open of portion([...TARGETS, jade], 2, i)) {
    const target = open();
    const maxNewTokens = open === jade ? CHIP_COUNT : COUNT;
    test(`${model} on ${target.name}: with drafts by the head the tokens are those of plain greedy`, () => {
      const truth = complete(generate(runnerOf(model, target), PROMPT, { maxNewTokens }));
      for (const count of open === jade ? [3] : [1, 3]) {
        const draft = predictorDrafter(headOf(model, target), count);
        const found = complete(speculate(runnerOf(model, target), PROMPT, { maxNewTokens, draft }));
        assert.deepEqual(found.tokens, truth.tokens);
        assert.equal(found.finishReason, 'length');
        assert.ok(found.drafted > 0 && found.accepted <= found.drafted);
        assert.equal(found.decode.tokens, maxNewTokens - 1);
        assert.equal(found.decode.steps, maxNewTokens - 1 - found.accepted);
      }
    });
  }
}

for (const model of MODELS) {
  test(`${model} on cpu: guesses are those of a head that has read the text once, after any number was right`, () => {
    const target = cpuTarget();
    const truth = complete(generate(runnerOf(model, target), PROMPT, { maxNewTokens: COUNT }));
    const draft = predictorDrafter(headOf(model, target), 3);
    const reader = runnerOf(model, target);
    const rights: number[] = [];
    const checked: Drafter = (tokens, hidden, most) => {
      reader.reset();
      const all = hiddenRows(reader, tokens.slice(0, -1));
      const afresh = predictorDrafter(headOf(model, target), 3);
      assert.deepEqual(draft(tokens, hidden, most), afresh(tokens, all, most));
      const at = tokens.length - PROMPT.length;
      const right = truth.tokens.slice(at, at + (rights.length % 4));
      rights.push(right.length);
      return [...right, (truth.tokens[at + right.length]! + 1) % 64];
    };
    const found = complete(
      speculate(runnerOf(model, target), PROMPT, { maxNewTokens: COUNT, draft: checked }),
    );
    assert.deepEqual(found.tokens, truth.tokens);
    assert.deepEqual(new Set(rights), new Set([0, 1, 2, 3]));
  });
}

for (const model of MODELS) {
  test(`${model} on jade: chip and interpreter give the same bits of hidden rows and of the head`, () => {
    const judge = referenceTarget(jadeNumerics(CHIP), jadePasses(CHIP));
    const [required, found] = [judge, jade()].map((target) => {
      const hidden = hiddenRows(runnerOf(model, target), PROMPT.slice(0, -1));
      const steps = [...fed(headOf(model, target, 'all'), PROMPT.slice(1), hidden, 7)];
      return [hidden, ...steps.flatMap((step) => [step.logits, step.hidden!])].map(bitsOf);
    });
    assert.deepEqual(found, required);
  });
}

test('a full context ends drafts as it ends generation', () => {
  const [model, target] = ['qwen3.5-moe', cpuTarget()];
  const room = PROMPT.length + 6;
  const plain = complete(generate(runnerOf(model, target, room), PROMPT, { maxNewTokens: 99 }));
  const draft = predictorDrafter(headOf(model, target), 4);
  const runner = runnerOf(model, target, room);
  const found = complete(speculate(runner, PROMPT, { maxNewTokens: 99, draft }));
  assert.deepEqual([found.tokens, found.finishReason], [plain.tokens, 'context']);
});

test('a graph without hidden rows, and a step that is fed none or too few, say so', () => {
  const target = cpuTarget();
  const graph = loadModel(path.join(FOLDER, 'qwen3.5-moe')).graph({ logits: 'all' });
  const runner = new ModelRunner(graph, target, target.open({}), CONTEXT);
  const draft = predictorDrafter(headOf('qwen3.5-moe', target), 2);
  assert.throws(
    () => complete(speculate(runner, PROMPT, { maxNewTokens: 4, draft })),
    /the graph must give hidden rows of all tokens/,
  );
  for (const fedTo of [target, jade()]) {
    const head = headOf('qwen3.5-moe', fedTo);
    assert.throws(() => [...head.feed([1])], /must be fed 32 numbers of hidden rows, not 0/);
    const few = new Float32Array(31);
    assert.throws(() => [...head.feed([1], few)], /must be fed 32 numbers of hidden rows, not 31/);
  }
});

test('a checkpoint without the tensors of a head names the first that is missing', () => {
  const model = loadModel(path.join(FOLDER, 'qwen3.5'));
  assert.throws(() => model.predictor({ logits: 'last' }), /mtp\.pre_fc_norm_embedding\.weight/);
});
