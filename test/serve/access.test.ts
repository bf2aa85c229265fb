/** Who may use the server, from where, and when. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';
import type { ModelRunner } from '../../src/engine/index.ts';
import { letGo, startServer, DEFAULT_LIMITS } from '../../src/serve/index.ts';
import { post, serveScript } from './testServer.ts';

const HELLO = { messages: [{ role: 'user', content: 'hello' }] };

async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const request = http.request(url, { headers });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  return response.statusCode!;
}

test('a key is needed where there are keys, but not for health and the page', async (t) => {
  const { url } = await serveScript(t, () => 'hello', { server: { apiKeys: ['first', 'second'] } });
  const models = `${url}/v1/models`;
  const answer = await fetch(models);
  assert.equal(answer.status, 401);
  assert.equal(
    ((await answer.json()) as { error: { code: string } }).error.code,
    'invalid_api_key',
  );
  assert.equal(await statusOf(models, { authorization: 'Bearer wrong' }), 401);
  assert.equal(await statusOf(models, { authorization: 'Bearer second' }), 200);
  assert.equal(await statusOf(`${url}/metrics`, {}), 401);
  assert.equal(await statusOf(`${url}/none`, {}), 401);
  assert.equal(await statusOf(`${url}/health`, {}), 200);
  assert.equal(await statusOf(`${url}/`, {}), 200);
  assert.equal((await post(`${url}/v1/chat/completions`, HELLO)).status, 401);
});

test('pages of other origins, and names that only point here, are refused unless allowed', async (t) => {
  const origin = 'https://pages.example';
  const closed = await serveScript(t, () => 'hello');
  const open = await serveScript(t, () => 'hello', { server: { origins: [origin] } });
  const all = await serveScript(t, () => 'hello', { server: { origins: ['*'] } });
  const path = '/v1/models';
  assert.equal(await statusOf(closed.url + path, { origin }), 403);
  assert.equal(await statusOf(closed.url + path, { origin: 'null' }), 403);
  assert.equal(await statusOf(closed.url + path, { origin: closed.url }), 200);
  assert.equal(await statusOf(open.url + path, { origin: 'https://other.example' }), 403);
  assert.equal(await statusOf(all.url + path, { origin: 'https://other.example' }), 200);
  const allowed = await fetch(open.url + path, { headers: { origin } });
  assert.equal(allowed.headers.get('access-control-allow-origin'), origin);
  const asked = { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } };
  assert.equal((await fetch(`${open.url}/v1/chat/completions`, asked)).status, 204);
  assert.equal(await statusOf(closed.url + path, { host: 'evil.example' }), 403);
  assert.equal(await statusOf(closed.url + path, { host: 'localhost:8000' }), 200);
});

test('paths and methods that are not there are told from those that are', async (t) => {
  const { url } = await serveScript(t, () => 'hello');
  assert.equal((await fetch(`${url}/v1/chat/completions`)).status, 405);
  assert.equal((await post(`${url}/v1/models`, {})).status, 405);
  assert.equal((await fetch(`${url}/v1/nothing`)).status, 404);
});

test('nothing is answered before the model is there', async (t) => {
  const options = {
    host: '127.0.0.1',
    port: 0,
    limits: DEFAULT_LIMITS,
    apiKeys: [],
    origins: [],
    report: () => {},
  };
  const server = await startServer(options);
  t.after(() => server.close());
  const health = await fetch(`${server.url}/health`);
  assert.deepEqual([health.status, await health.json()], [503, { status: 'loading' }]);
  const answer = await post(`${server.url}/v1/chat/completions`, HELLO);
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
});

test('a server that ends answers what was asked, and refuses what is asked then', async (t) => {
  const { url, engine, drain } = await serveScript(t, () => 'hello');
  engine.stalled = true;
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const before = post(`${url}/v1/chat/completions`, HELLO);
  while (engine.asked.length === 0) await letGo();
  const ended = drain();
  engine.stalled = false;
  const answer = await before;
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /hello/);
  await ended;
  await assert.rejects(() => fetch(`${url}/health`));
});

test('a stream that has nothing to say is kept open by comments', async (t) => {
  const limits = { keepAliveSeconds: 0.01 };
  const { url, engine } = await serveScript(t, () => 'hello', { limits });
  engine.stalled = true;
  const answer = await post(`${url}/v1/chat/completions`, { ...HELLO, stream: true });
  let text = '';
  for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes(': keep-alive\n\n')) engine.stalled = false;
  }
  assert.match(text, /hello/);
  assert.ok(text.endsWith('data: [DONE]\n\n'));
});

test('metrics count what happened, in the format of Prometheus', async (t) => {
  const { url } = await serveScript(t, () => 'hello there');
  await post(`${url}/v1/chat/completions`, { ...HELLO, n: 2 });
  const text = await (await fetch(`${url}/metrics`)).text();
  for (const line of text.trim().split('\n'))
    assert.match(line, /^# (HELP|TYPE) celadon:\w+ .+$|^celadon:\w+(\{\w+="[^"]+"\})? [\d.e+-]+$/);
  const value = (name: string): number => Number(text.split(`\n${name} `)[1]!.split('\n')[0]);
  assert.equal(value('celadon:request_success_total{finished_reason="stop"}'), 2);
  assert.equal(value('celadon:time_to_first_token_seconds_count'), 2);
  assert.equal(value('celadon:time_to_first_token_seconds_bucket{le="+Inf"}'), 2);
  assert.equal(value('celadon:generation_tokens_total'), 6, 'two words and an end, twice');
  assert.equal(value('celadon:inter_token_latency_seconds_count'), 4);
  assert.equal(value('celadon:prefix_cache_hits_total'), 5);
  assert.equal(value('celadon:spec_decode_num_accepted_tokens_total'), 3);
});

/** Takes a text for the likelier to be relevant the longer it is. */
const lengthRunner = {
  reset: () => {},
  *feed(tokens: readonly number[]) {
    const logits = new Float32Array(10_000);
    logits[YES] = tokens.length / 100;
    yield { logits, next: Int32Array.of(0) };
  },
} as unknown as ModelRunner;

const [YES, NO] = [9693, 2152]; // of Qwen3

test('documents are ranked by what the model says of each', async (t) => {
  const runners = { embedding: () => lengthRunner, ranking: () => lengthRunner };
  const { url } = await serveScript(t, () => 'hello', { runners });
  const documents = ['a', 'a b c d e f', { text: 'a b c' }];
  const rank = async (more: object) => {
    const answer = await post(`${url}/v1/rerank`, { query: 'q', documents, ...more });
    return (await answer.json()) as {
      results: { index: number; relevance_score: number; document?: object }[];
    };
  };
  const { results } = await rank({});
  assert.deepEqual(
    results.map(({ index }) => index),
    [1, 2, 0],
  );
  assert.ok(results.every(({ relevance_score: score }) => score > 0.5 && score < 1));
  assert.deepEqual(results[1]!.document, { text: 'a b c' });
  const top = await rank({ top_n: 1, return_documents: false });
  assert.deepEqual(
    top.results.map((result) => Object.keys(result)),
    [['index', 'relevance_score']],
  );
  assert.equal((await post(`${url}/v1/rerank`, { query: 'q', documents: [] })).status, 400);
});

test('texts are tokenized and read back', async (t) => {
  const { url } = await serveScript(t, () => 'hello');
  const tokens = await post(`${url}/tokenize`, { prompt: 'yesno' });
  assert.deepEqual(((await tokens.json()) as { tokens: number[] }).tokens, [YES, NO]);
  const text = await post(`${url}/detokenize`, { tokens: [YES, NO] });
  assert.equal(((await text.json()) as { prompt: string }).prompt, 'yesno');
});
