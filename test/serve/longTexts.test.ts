/** Long texts are encoded elsewhere, so that others are answered meanwhile. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { loadModel } from '../../src/model/index.ts';
import { letGo, LongTexts } from '../../src/serve/index.ts';
import { post, serveScript } from './testServer.ts';

const MODEL = path.join(import.meta.dirname, '../../models/qwen3-tiny');

test('a text encoded on another thread has the same tokens, and this one goes on meanwhile', async () => {
  const texts = ['春夜 '.repeat(20_000), 'one <|im_end|> two', 'x'.repeat(20_000)];
  const longTexts = new LongTexts(MODEL);
  let turns = 0;
  const encoded = Promise.all(texts.map((text) => longTexts.encode(text))).finally(
    () => (turns = -turns),
  );
  while (turns >= 0) {
    turns++;
    await letGo();
  }
  assert.ok(turns < -2);
  const { tokenizer } = loadModel(MODEL);
  assert.deepEqual(
    await encoded,
    texts.map((text) => tokenizer.encode(text)),
  );
});

test('a thread that cannot begin is an error for each text, and the next text has a new one', async () => {
  const longTexts = new LongTexts(path.join(MODEL, 'none'));
  for (let i = 0; i < 2; i++) await assert.rejects(() => longTexts.encode('x'), /none/);
});

test('too many long texts are refused', async () => {
  const longTexts = new LongTexts(MODEL);
  const all = Array.from({ length: 17 }, () => longTexts.encode('x'));
  const results = await Promise.allSettled(all);
  assert.deepEqual(results.filter(({ status }) => status === 'rejected').length, 1);
});

test('a short text is answered while a long one is encoded', async (t) => {
  let finish: (tokens: number[]) => void = () => {};
  const encodeLong = () => new Promise<number[]>((resolve) => (finish = resolve));
  const { url, engine } = await serveScript(t, () => 'hello', { encodeLong });
  const ask = (content: string) =>
    post(`${url}/v1/chat/completions`, { messages: [{ role: 'user', content }] });
  const long = ask('x'.repeat(10_000));
  assert.equal((await ask('hi')).status, 200);
  assert.equal(engine.asked.length, 1);
  finish([1, 2, 3]);
  assert.equal((await long).status, 200);
  assert.deepEqual(engine.asked[1]!.prompt, [1, 2, 3]);
});
