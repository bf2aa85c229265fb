/** The long form of test/jade.test.ts: 64 greedy tokens on every prompt, and the cost of the formats. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { MODELS, openModel } from '../../bench/jade.ts';
import { loadChip } from '../../src/chip/index.ts';
import type { Target } from '../../src/compile/index.ts';
import { complete, evaluate, ModelRunner } from '../../src/engine/index.ts';
import { jadeNumerics, jadePasses, jadeTarget } from '../../src/target/jade/index.ts';
import { referenceTarget } from '../../src/target/reference/index.ts';
import { argMax, bitsOf, Session } from '../session.ts';

const PROMPTS = [
  '<|im_start|>user\n以《登高》为题，写一首七言绝句。<|im_end|>\n<|im_start|>assistant\n',
  '<|im_start|>user\nROMEO: What light is this?\nAnswer as JULIET.<|im_end|>\n<|im_start|>assistant\n',
  'the',
];
const TOKENS = 64;

for (const name of MODELS) {
  const { tokenizer, graph } = openModel(name);
  const chip = loadChip('jade-edge');
  const numerics = referenceTarget(jadeNumerics(chip), jadePasses(chip));

  PROMPTS.forEach((text, i) => {
    test(`${name}: ${TOKENS} greedy tokens on the chip equal the interpreter bit for bit, prompt ${i}`, () => {
      const prompt = tokenizer.encode(text);
      const onChip = new Session(jadeTarget(chip, { contextTokens: 256 }), graph({ logits: 'last' }));
      const judge = new Session(numerics, graph({ logits: 'last' }));
      let chipLogits = onChip.feed(prompt, 32);
      let judgeLogits = judge.feed(prompt, prompt.length);
      for (let step = 0; step < TOKENS; step++) {
        assert.deepEqual(bitsOf(chipLogits), bitsOf(judgeLogits), `token ${step}`);
        chipLogits = onChip.step([argMax(chipLogits)]);
        judgeLogits = judge.step([argMax(judgeLogits)]);
      }
    });
  });

  test(`${name}: the formats of jade-edge lose at most 3 % perplexity on models/valid.json`, (t) => {
    const text = fs.readFileSync(new URL('../../models/valid.json', import.meta.url), 'utf8');
    const documents = (JSON.parse(text) as { tokens: number[] }[]).map((document) => document.tokens);
    const perplexity = (target: Target): number => {
      const runner = new ModelRunner(graph({ logits: 'all' }), target, target.open({}), 256);
      return complete(evaluate(runner, documents)).perplexity;
    };
    const [exact, own] = [perplexity(referenceTarget()), perplexity(numerics)];
    t.diagnostic(`perplexity ${exact.toFixed(3)} in f32, ${own.toFixed(3)} on jade-edge`);
    const golden = JSON.parse(
      fs.readFileSync(new URL(`../../models/${name}/golden.json`, import.meta.url), 'utf8'),
    ) as { valid: { perplexity: number } };
    assert.ok(Math.abs(exact / golden.valid.perplexity - 1) < 1e-4, 'the interpreter meets PyTorch');
    assert.ok(own / exact <= 1.03);
  });
}
