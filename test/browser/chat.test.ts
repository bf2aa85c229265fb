/** The chat page in headless Chromium, against a server on loopback. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveScript, type ScriptOptions } from '../serve/testServer.ts';
import { findChromium, NAMES, openPage } from './chromium.ts';

const executablePath = findChromium();
const skip = executablePath === undefined && `needs ${NAMES.join(' or ')}`;

type Say = Parameters<typeof serveScript>[1];

async function open(t: Parameters<typeof serveScript>[0], say: Say, options: ScriptOptions = {}) {
  const server = await serveScript(t, say, options);
  const { page, problems } = await openPage(t, server.url);
  const ask = async (text: string): Promise<void> => {
    await page.locator('#text').fill(text);
    await page.locator('#text').press('Enter');
  };
  return { ...server, page, problems, ask };
}

test(
  'the page streams an answer with its thoughts, and goes on with the conversation',
  { skip },
  async (t) => {
    const said = '<think>\nhm\n</think>\n\n<b>春</b> & more';
    const { page, problems, ask, engine, service } = await open(t, () => said);
    await page.getByText('script, 4096 tokens of context').waitFor();
    await page.getByText('Parameters').click();
    await page.locator('#temperature').fill('0.5');
    await page.locator('#system').fill('be kind');
    await ask('hello');
    await page.locator('article.assistant footer', { hasText: 'stop · ' }).waitFor();
    assert.equal(
      await page.locator('article.assistant .content').textContent(),
      '<b>春</b> & more',
    );
    assert.equal(await page.locator('article.assistant .reasoning').textContent(), 'hm');
    const first = service.model.tokenizer.decode(engine.asked[0]!.prompt);
    assert.match(first, /system\nbe kind[^]*user\nhello/);
    assert.equal(engine.asked[0]!.sampling!.temperature, 0.5);
    await ask('again');
    await page.locator('article.assistant footer', { hasText: 'stop · ' }).nth(1).waitFor();
    const second = service.model.tokenizer.decode(engine.asked[1]!.prompt);
    assert.match(second, /user\nhello[^]*<b>春<\/b> & more[^]*user\nagain/);
    await page.getByText('New chat').click();
    assert.equal(await page.locator('article').count(), 0);
    assert.deepEqual(problems, []);
  },
);

test('stop ends the answer on the page and in the engine', { skip }, async (t) => {
  const { page, ask, engine } = await open(t, function* () {
    for (let said = 0; ; said++) {
      if (said === 20) engine.stalled = true; // more is never shown
      yield 14_990; // "hello"
    }
  });
  await ask('talk');
  await page.locator('article.assistant .content', { hasText: 'hello' }).waitFor();
  await page.locator('#stop').click();
  await page.locator('article.assistant footer', { hasText: 'stopped' }).waitFor();
  while (!engine.idle) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(await page.locator('#send').isVisible());
});

test('the page asks for a key where one is needed, and tells errors', { skip }, async (t) => {
  const server = { apiKeys: ['secret'] };
  const { page, ask } = await open(t, () => 'hello', { server });
  await page.getByText('an API key must be given').waitFor();
  await ask('hi');
  await page.locator('article.error').waitFor();
  await page.getByText('Parameters').click();
  await page.locator('#key').fill('secret');
  await ask('hi');
  await page.locator('article.assistant .content', { hasText: 'hello' }).waitFor();
});
