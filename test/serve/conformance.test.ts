/** The official client of the OpenAI API against the server, over real sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { complete, generate, ModelRunner } from '../../src/engine/index.ts';
import { loadModel } from '../../src/model/index.ts';
import { cpuTarget } from '../../src/target/cpu/index.ts';
import { serveDemo } from './testServer.ts';

const POEM = { role: 'user' as const, content: '以《山居》为题，写一首五言绝句。' };
const DEMO = new URL('../../models/qwen3-tiny', import.meta.url).pathname;

/** What the model says without a server. */
function soloAnswer(): {
  readonly prompt: number[];
  readonly tokens: readonly number[];
  readonly text: string;
} {
  const model = loadModel(DEMO);
  const target = cpuTarget({ contextTokens: 256, threads: 1 });
  const runner = new ModelRunner(model.graph({ logits: 'last' }), target, target.open({}), 256);
  const prompt = model.tokenizer.encode(model.chat.apply([POEM]));
  const { eosTokenIds } = model.checkpoint.generation;
  const { tokens } = complete(generate(runner, prompt, { maxNewTokens: 100, eosTokenIds }));
  return { prompt, tokens, text: model.tokenizer.decode([...tokens], { skipSpecial: true }) };
}

test('a demo model through the official client says what it says without a server', async (t) => {
  const { client, service } = await serveDemo(t);
  const solo = soloAnswer();
  const create = client.chat.completions.create.bind(client.chat.completions);

  await t.test('chat', async () => {
    const answer = await create({ model: 'qwen3-tiny', messages: [POEM], temperature: 0 });
    const [choice] = answer.choices;
    assert.equal(choice!.message.content, solo.text);
    assert.equal(choice!.finish_reason, 'stop');
    assert.equal(answer.usage!.prompt_tokens, solo.prompt.length);
    assert.equal(answer.usage!.completion_tokens, solo.tokens.length);
    assert.equal(answer.object, 'chat.completion');
  });

  await t.test('stream, with usage at its end', async () => {
    const stream = await create({
      model: 'qwen3-tiny',
      messages: [POEM],
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    assert.equal(text, solo.text);
    assert.deepEqual(chunks.at(-1)!.choices, []);
    assert.equal(chunks.at(-1)!.usage!.completion_tokens, solo.tokens.length);
    assert.equal(chunks.at(-2)!.choices[0]!.finish_reason, 'stop');
    assert.equal(
      typeof (chunks.at(-2) as { timings?: { predicted_n?: number } }).timings!.predicted_n,
      'number',
    );
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    assert.ok(chunks.length > 10, 'a chunk for each token');
  });

  await t.test('n answers differ by seed, and a seed repeats them', async () => {
    const ask = async () => {
      const { choices, usage } = await create({
        model: 'qwen3-tiny',
        messages: [POEM],
        temperature: 1,
        seed: 7,
        n: 3,
        max_completion_tokens: 12,
      });
      return { texts: choices.map(({ message }) => message.content), usage: usage! };
    };
    const [first, second] = [await ask(), await ask()];
    assert.deepEqual(first.texts, second.texts);
    assert.equal(new Set(first.texts).size, 3);
    assert.equal(first.usage.prompt_tokens, solo.prompt.length);
    assert.equal(first.usage.completion_tokens, 36);
  });

  await t.test('logprobs', async () => {
    const { choices } = await create({
      model: 'qwen3-tiny',
      messages: [POEM],
      temperature: 0,
      max_tokens: 4,
      logprobs: true,
      top_logprobs: 3,
    });
    const content = choices[0]!.logprobs!.content!;
    assert.equal(content.length, 4);
    const text = new TextDecoder().decode(Uint8Array.from(content.flatMap(({ bytes }) => bytes!)));
    assert.equal(text, choices[0]!.message.content);
    for (const { token, logprob, top_logprobs: top } of content) {
      assert.equal(top.length, 3);
      assert.deepEqual(
        [top[0]!.token, top[0]!.logprob],
        [token, logprob],
        'greedy takes the likeliest',
      );
      assert.ok(top[0]!.logprob >= top[1]!.logprob && logprob < 0);
    }
  });

  await t.test('biases and penalties change what is said', async () => {
    const ask = async (more: object) => {
      const asked = { model: 'qwen3-tiny', messages: [POEM], temperature: 0, max_tokens: 30 };
      return (await create({ ...asked, ...more })).choices[0]!.message.content!;
    };
    const [first, second] = solo.tokens;
    const biased = await ask({ logit_bias: { [first!]: -100, [second!]: 100 }, max_tokens: 3 });
    assert.equal(biased, solo.text[1]!.repeat(3));
    const penalised = await ask({ presence_penalty: 2, logit_bias: { [second!]: 10 } });
    assert.notEqual(penalised, await ask({ logit_bias: { [second!]: 10 } }));
    await assert.rejects(() => ask({ logit_bias: { 99999: 1 } }), /99999/);
  });

  await t.test('stop strings end the text before them, wherever tokens begin', async () => {
    const stop = solo.text.slice(3, 5);
    const asked = {
      model: 'qwen3-tiny',
      messages: [POEM],
      temperature: 0,
      stop: [stop, 'never said'],
    };
    const { choices } = await create(asked);
    assert.equal(choices[0]!.message.content, solo.text.slice(0, solo.text.indexOf(stop)));
    assert.equal(choices[0]!.finish_reason, 'stop');
    const stream = await create({ ...asked, stream: true });
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    assert.equal(text, choices[0]!.message.content);
  });

  await t.test('JSON by a schema, at once, in a stream and as a response', async () => {
    const schema = {
      type: 'object',
      properties: {
        title: { type: 'string', minLength: 2, maxLength: 6 },
        lines: { type: 'integer', minimum: 1, maximum: 8 },
        season: { enum: ['春', '秋'] },
      },
      required: ['title', 'lines', 'season'],
      additionalProperties: false,
    };
    const format = { type: 'json_schema' as const, json_schema: { name: 'poem', schema } };
    const check = (text: string): void => {
      const { title, lines, season, ...rest } = JSON.parse(text);
      assert.ok(title.length >= 2 && title.length <= 6 && ['春', '秋'].includes(season), text);
      assert.ok(Number.isInteger(lines) && lines >= 1 && lines <= 8, text);
      assert.deepEqual(rest, {});
    };
    const { tokenizer } = service.model; // without line breaks, for which the context is too short
    const breaks = ['\n', '\n\n'].map((text) => [tokenizer.encode(text)[0]!, -100]);
    const asked = {
      model: 'qwen3-tiny',
      messages: [POEM],
      response_format: format,
      temperature: 1,
      logit_bias: Object.fromEntries(breaks) as Record<string, number>,
      n: 4,
    };
    const { choices } = await create(asked);
    for (const { message, finish_reason: reason } of choices) {
      assert.equal(reason, 'stop', message.content!);
      check(message.content!);
    }
    const chunks = await Array.fromAsync(await create({ ...asked, n: 1, stream: true }));
    check(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''));
    const text = { format: { type: 'json_schema' as const, name: 'poem', schema } };
    const asResponse = { model: 'qwen3-tiny', input: 'x', text, temperature: 0 };
    check((await client.responses.create(asResponse)).output_text);
  });

  await t.test('completions', async () => {
    const asked = { model: 'qwen3-tiny', prompt: solo.prompt, temperature: 0, max_tokens: 100 };
    const answer = await client.completions.create({ ...asked, logprobs: 2 });
    assert.equal(answer.choices[0]!.text, solo.text);
    const { tokens, text_offset: offsets } = answer.choices[0]!.logprobs!;
    assert.equal(tokens!.join(''), solo.text);
    assert.equal(offsets![1], tokens![0]!.length);
    const stream = await client.completions.create({ ...asked, stream: true });
    const chunks = await Array.fromAsync(stream);
    assert.equal(chunks.map(({ choices }) => choices[0]?.text ?? '').join(''), solo.text);
    const texts = await client.completions.create({
      ...asked,
      prompt: ['春', '山'],
      n: 2,
      max_tokens: 2,
    });
    assert.deepEqual(
      texts.choices.map(({ index }) => index),
      [0, 1, 2, 3],
    );
    assert.equal(texts.choices[0]!.text, texts.choices[1]!.text, 'greedy answers are equal');
  });

  await t.test('responses', async () => {
    const asked = { model: 'qwen3-tiny', input: POEM.content, temperature: 0 };
    const answer = await client.responses.create(asked);
    assert.equal(answer.output_text, solo.text);
    assert.equal(answer.status, 'completed');
    assert.equal(answer.usage!.output_tokens, solo.tokens.length);
    const events = await Array.fromAsync(await client.responses.create({ ...asked, stream: true }));
    const text = events
      .map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
      .join('');
    assert.equal(text, solo.text);
    assert.deepEqual(
      events.map(({ sequence_number }) => sequence_number),
      [...events.keys()],
    );
    assert.equal(events.at(-1)!.type, 'response.completed');
    const cut = await client.responses.create({ ...asked, max_output_tokens: 3 });
    assert.equal(cut.status, 'incomplete');
    assert.deepEqual(cut.incomplete_details, { reason: 'max_output_tokens' });
  });

  await t.test('embeddings, as numbers and as bytes', async () => {
    const asked = { model: 'qwen3-tiny', input: ['春夜', '山居'], dimensions: 16 };
    const numbers = await client.embeddings.create({ ...asked, encoding_format: 'float' });
    const bytes = await client.embeddings.create(asked); // the client asks for base64 and decodes it
    assert.deepEqual(
      numbers.data.map(({ index }) => index),
      [0, 1],
    );
    for (const [i, { embedding }] of numbers.data.entries()) {
      assert.equal(embedding.length, 16);
      assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5);
      assert.deepEqual([...bytes.data[i]!.embedding], embedding);
    }
  });

  await t.test('models', async () => {
    const models = await Array.fromAsync(await client.models.list());
    assert.deepEqual(
      models.map(({ id }) => id),
      ['qwen3-tiny'],
    );
    assert.equal((await client.models.retrieve('qwen3-tiny')).id, 'qwen3-tiny');
    await assert.rejects(() => client.models.retrieve('other'), OpenAI.NotFoundError);
  });

  await t.test('sixteen at once, some of whom leave, each get what they get alone', async () => {
    const asked = { model: 'qwen3-tiny', messages: [POEM], temperature: 0 };
    const ask = async (i: number): Promise<string | null> => {
      if (i % 3 > 0) return (await create(asked)).choices[0]!.message.content;
      for await (const _ of await create({ ...asked, stream: true })) break;
      return solo.text;
    };
    const texts = await Promise.all(Array.from({ length: 16 }, (_, i) => ask(i)));
    assert.deepEqual(
      texts,
      Array.from({ length: 16 }, () => solo.text),
    );
    const { usage } = await create(asked);
    assert.equal(usage!.prompt_tokens_details!.cached_tokens, 16, 'a whole block of the prompt');
  });

  await t.test('cancellation frees the engine', async () => {
    const stream = await create({
      model: 'qwen3-tiny',
      messages: [POEM],
      temperature: 1,
      stream: true,
    });
    for await (const _ of stream) break; // leaves, which ends the connection
    while (client && !(await idle(client))) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

async function idle(client: OpenAI): Promise<boolean> {
  const page = await fetch(new URL('/metrics', client.baseURL));
  return /^celadon:num_requests_running 0$/m.test(await page.text());
}
