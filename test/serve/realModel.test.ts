/** Calls and ranks from tokens of a real model: the demo model, which was taught neither, with the template of Qwen3. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { relevance, ModelRunner } from '../../src/engine/index.ts';
import { loadModel, readChatTemplate, rerankerPrompt, Tokenizer } from '../../src/model/index.ts';
import { referenceTarget } from '../../src/target/reference/index.ts';
import { publishedFolder } from '../text/goldenTokenizers.ts';
import { post, serveDemo } from './testServer.ts';

const CONTEXT = 1024;
const DEMO = path.join(import.meta.dirname, '../../models/qwen3-tiny');
const read = (...file: string[]) => JSON.parse(fs.readFileSync(path.join(...file), 'utf8'));

const parameters = {
  type: 'object',
  properties: {
    city: { type: 'string', maxLength: 12 },
    unit: { type: 'string', enum: ['C', 'F'] },
    days: { type: 'integer', minimum: 1, maximum: 9 },
  },
  required: ['city', 'days'],
  additionalProperties: false,
};
const TOOLS = ['weather', 'tides'].map((name) => ({
  type: 'function' as const,
  function: { name, parameters },
}));

function requireArguments(text: string): void {
  const { city, unit, days, ...others } = JSON.parse(text);
  assert.deepEqual(others, {});
  assert.ok(typeof city === 'string' && [...city].length <= 12, text);
  assert.ok(Number.isInteger(days) && days >= 1 && days <= 9, text);
  assert.ok(unit === undefined || unit === 'C' || unit === 'F', text);
}

test('a real model that is made to call calls a tool, by its schema, at once and in a stream', async (t) => {
  const chat = readChatTemplate(read(publishedFolder('qwen3'), 'tokenizer_config.json'), 'qwen3');
  const { client } = await serveDemo(t, { contextTokens: CONTEXT, texts: { chat } });
  const asked = {
    ...{ model: 'qwen3-tiny', tools: TOOLS, max_tokens: 400 },
    messages: [{ role: 'user' as const, content: '明月' }],
  };
  // Hot enough that unforced text would be noise; seeds together, so that they share steps.
  const choices = await Promise.all(
    [0, 1, 2, 3].map(async (seed) => {
      const own = { ...asked, seed, temperature: 1.5, tool_choice: 'required' as const };
      const { choices: all } = await client.chat.completions.create(own);
      return all[0]!;
    }),
  );
  for (const { finish_reason, message } of choices) {
    assert.equal(finish_reason, 'tool_calls');
    const [call] = message.tool_calls!;
    assert.ok(call!.type === 'function');
    assert.ok(TOOLS.some((tool) => tool.function.name === call.function.name));
    requireArguments(call.function.arguments);
  }
  const texts = choices.map(({ message }) => JSON.stringify(message.tool_calls![0]));
  assert.ok(new Set(texts).size > 1, "the words within are the model's own");

  const cut = { ...asked, tool_choice: 'required' as const, temperature: 0, max_tokens: 30 };
  const { choices: short } = await client.chat.completions.create(cut);
  assert.equal(short[0]!.finish_reason, 'length', 'a call that was cut is none to carry out');

  const named = { type: 'function' as const, function: { name: 'tides' } };
  const stream = await client.chat.completions.create({
    ...asked,
    ...{ temperature: 0, tool_choice: named, stream: true },
  });
  const deltas = (await Array.fromAsync(stream)).flatMap(
    ({ choices: all }) => all[0]?.delta.tool_calls ?? [],
  );
  assert.equal(deltas[0]!.function!.name, 'tides');
  requireArguments(deltas.map((delta) => delta.function?.arguments ?? '').join(''));
});

test('documents are ranked by what a real model says of each', async (t) => {
  const file = read(DEMO, 'tokenizer.json');
  // A model that ranks answers in one token; the demo model has "no" as one, and gets a "yes".
  const yes = { ...file.added_tokens[0], id: 4121, content: 'yes', special: false };
  const tokenizer = new Tokenizer({ ...file, added_tokens: [...file.added_tokens, yes] }, 'demo');
  const { url } = await serveDemo(t, { contextTokens: CONTEXT, texts: { tokenizer } });
  const documents = ['春江潮水连海平', '床前明月光', 'the moon'];
  const answer = await post(`${url}/v1/rerank`, { query: '明月', documents });
  const { results } = (await answer.json()) as {
    results: { index: number; relevance_score: number }[];
  };

  const target = referenceTarget();
  const graph = loadModel(DEMO).graph({ logits: 'last' });
  const runner = new ModelRunner(graph, target, target.open({}), CONTEXT);
  const [no] = tokenizer.encode('no');
  const required = documents.map((document) => {
    const tokens = tokenizer.encode(rerankerPrompt('明月', document));
    return relevance(runner, tokens, { yes: yes.id, no: no! });
  });
  assert.ok(new Set(required.map((score) => score.toFixed(6))).size === documents.length);
  const order = [0, 1, 2].toSorted((a, b) => required[b]! - required[a]!);
  assert.deepEqual(
    results.map(({ index }) => index),
    order,
  );
  for (const { index, relevance_score: score } of results)
    assert.ok(Math.abs(score - required[index]!) < 0.02, `${score}, not ${required[index]}`);
});
