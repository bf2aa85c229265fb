/** The claim of the house: the interpreter with the chip's numerics and the simulated chip agree bit for bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadChip } from '../src/chip/index.ts';
import { compile } from '../src/compile/index.ts';
import { loadModel } from '../src/model/index.ts';
import { jadeNumerics, jadePasses, jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { portion, thorough } from './portion.ts';
import { argMax, bitsOf, Session } from './session.ts';

const MODELS = ['qwen3-tiny', 'deepseek-v3-tiny'] as const;
const PROMPT =
  '<|im_start|>user\n以《春夜》为题，写一首五言绝句。<|im_end|>\n<|im_start|>assistant\n';

function model(name: string): ReturnType<typeof loadModel> {
  return loadModel(fileURLToPath(new URL(`../models/${name}`, import.meta.url)));
}

/** Of the pairs the default leaves one of each model to the group `thorough`. */
const CHIPS = ['jade-edge', 'jade-nano', 'jade-server'];

for (const [i, name] of MODELS.entries()) {
  for (const chipName of thorough() ? CHIPS : CHIPS.toSpliced(1 + i, 1)) {
    test(`${name} on ${chipName}: chip and interpreter give the same bits, prompt and decode`, () => {
      const chip = loadChip(chipName);
      const { tokenizer, graph } = model(name);
      const prompt = tokenizer.encode(PROMPT);
      const onChip = new Session(
        jadeTarget(chip, { contextTokens: 128, checkHazards: true }),
        graph({ logits: 'last' }),
      );
      const judge = new Session(
        referenceTarget(jadeNumerics(chip), jadePasses(chip)),
        graph({ logits: 'last' }),
      );
      let chipLogits = onChip.feed(prompt, 8);
      let judgeLogits = judge.feed(prompt, prompt.length);
      for (let i = 0; i < 6; i++) {
        assert.deepEqual(bitsOf(chipLogits), bitsOf(judgeLogits), `step ${i}`);
        chipLogits = onChip.step([argMax(chipLogits)]);
        judgeLogits = judge.step([argMax(judgeLogits)]);
      }
    });
  }

  test(`${name} on jade: any chunking of a prompt gives the same bits`, () => {
    const chip = loadChip('jade-edge');
    const { tokenizer, graph } = model(name);
    const prompt = tokenizer.encode(PROMPT.repeat(2)).slice(0, 40);
    const session = new Session(
      jadeTarget(chip, { contextTokens: 128 }),
      graph({ logits: 'last' }),
    );
    const [whole, ...chunked] = [40, ...portion([7, 1, 32], 3)].map((size) => {
      session.reset();
      return bitsOf(session.feed(prompt, size));
    });
    for (const bits of chunked) assert.deepEqual(bits, whole);
  });
}

test('naive and absorbed latent attention compile to the same program', () => {
  const target = jadeTarget(loadChip('jade-edge'), { contextTokens: 128 });
  const { graph } = model('deepseek-v3-tiny');
  const [naive, absorbed] = (['naive', 'absorbed'] as const).map((latentAttention) =>
    compile(graph({ logits: 'last', latentAttention }), target, { B: 1, T: 8, S: 64 }),
  );
  assert.equal(naive!.hash, absorbed!.hash);
});
