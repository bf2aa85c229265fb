/** Clients that mean harm or know no better: each gets a clear answer, and the others theirs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { post, serveScript, type ScriptOptions } from './testServer.ts';

const HELLO = { messages: [{ role: 'user', content: 'hello' }] };

function* forever(): Generator<number> {
  for (;;) yield 14_990; // "hello"
}

const serveHello = (t: TestContext, options: ScriptOptions = {}) =>
  serveScript(t, () => 'hello', options);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Sends text as it stands over a socket of its own. */
async function connect(url: string, text = ''): Promise<net.Socket> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const head = (path: string, length: number | undefined): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${
    length === undefined ? 'transfer-encoding: chunked' : `content-length: ${length}`
  }\r\n\r\n`;

async function answerOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code];
}

test('bodies that are no chat are refused for what they are', async (t) => {
  const { url } = await serveHello(t, { limits: { bodyBytes: 2 ** 24 } });
  const chat = `${url}/v1/chat/completions`;
  const many = { messages: Array.from({ length: 100_000 }, () => HELLO.messages[0]) };
  const long = { messages: [{ role: 'user', content: 'x'.repeat(2 ** 21) }] };
  const bodies: readonly (readonly [string | Uint8Array | object, number, string])[] = [
    ['', 400, 'invalid_body'],
    ['{"messages": [', 400, 'invalid_body'],
    ['null', 400, 'invalid_body'],
    [Uint8Array.of(0x22, 0xff, 0xfe, 0x22), 400, 'invalid_body'],
    ['['.repeat(10 ** 6), 400, 'invalid_body'],
    [`{"a":${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}`, 400, 'invalid_body'],
    [`[${'0,'.repeat(2 ** 21)}0]`, 400, 'invalid_body'],
    [many, 400, 'context_length_exceeded'],
    [long, 400, 'context_length_exceeded'],
    [
      '{"messages": [{"role": "user", "content": "x"}], "__proto__": {"n": 2}}',
      400,
      'unknown_parameter',
    ],
    [{ ...HELLO, tools: Array.from({ length: 1000 }, () => ({})) }, 400, 'invalid_value'],
  ];
  for (const [body, status, code] of bodies)
    assert.deepEqual(
      await answerOf(await post(chat, body)),
      [status, code],
      String(body).slice(0, 40),
    );
  assert.equal((await post(chat, HELLO)).status, 200);
});

test('a body of 100 MB is not read', async (t) => {
  const { url } = await serveHello(t);
  const told = await connect(url, head('/v1/completions', 1e8));
  const [answer] = (await once(told, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 413 .*body_too_large/s);
  told.destroy();

  const request = http.request(`${url}/v1/completions`, { method: 'POST' });
  request.on('error', () => {});
  const response = once(request, 'response') as Promise<[http.IncomingMessage]>;
  const part = Buffer.alloc(2 ** 20, 0x20);
  let sent = 0;
  const write = (): void => {
    while (sent < 100 && !request.destroyed && request.write(part)) sent++;
    if (sent < 100) request.once('drain', write);
  };
  write();
  const [{ statusCode }] = await response;
  assert.equal(statusCode, 413);
  assert.ok(sent < 100, 'the answer came before the end of the body');
  request.destroy();
  assert.equal((await post(`${url}/v1/chat/completions`, HELLO)).status, 200);
});

test('a client that does not read its stream is let go', async (t) => {
  const limits = { unreadBytes: 2 ** 16 };
  const { url, engine } = await serveScript(t, forever, { limits, contextTokens: 1e9 });
  const body = JSON.stringify({ ...HELLO, stream: true, logprobs: true }); // longer chunks
  const socket = await connect(url, head('/v1/chat/completions', body.length) + body);
  socket.pause();
  await until(() => engine.asked.length === 1);
  await until(() => engine.idle);
  socket.destroy();
});

test('a client that leaves is not answered to, with a stream and without', async (t) => {
  const { url, engine } = await serveScript(t, forever, { contextTokens: 1e9 });
  for (const stream of [true, false]) {
    const control = new AbortController();
    const answer = post(
      `${url}/v1/chat/completions`,
      { ...HELLO, stream },
      { signal: control.signal },
    );
    await until(() => !engine.idle);
    control.abort();
    await assert.rejects(async () => (await answer).text());
    await until(() => engine.idle);
  }
});

test('connections that say nothing are closed, and hinder nobody', async (t) => {
  const { url } = await serveHello(t, { limits: { headersSeconds: 0.05, sendingSeconds: 0.1 } });
  const halves = [
    '',
    'POST /v1/chat',
    head('/v1/completions', 100),
    head('/v1/completions', undefined),
  ];
  const sockets = await Promise.all(
    Array.from({ length: 40 }, (_, i) => connect(url, halves[i % halves.length])),
  );
  assert.equal((await post(`${url}/v1/chat/completions`, HELLO)).status, 200);
  for (const socket of sockets) socket.resume();
  await Promise.all(sockets.map((socket) => socket.closed || once(socket, 'close')));
});

test('time is up for a request that takes too long, with a stream and without', async (t) => {
  const limits = { requestSeconds: 0.05 };
  const { url, engine } = await serveScript(t, forever, { limits, contextTokens: 1e9 });
  const chat = `${url}/v1/chat/completions`;
  assert.deepEqual(await answerOf(await post(chat, HELLO)), [504, 'timeout']);
  const text = await (await post(chat, { ...HELLO, stream: true })).text();
  const last = text.trim().split('\n').at(-1)!;
  assert.equal(JSON.parse(last.slice('data: '.length)).error.code, 'timeout');
  await until(() => engine.idle);
});

test('a full queue is told, with when to come again', async (t) => {
  const { url, engine } = await serveHello(t, { limits: { waitingRequests: 3 } });
  engine.waiting = 3;
  const answer = await post(`${url}/v1/chat/completions`, HELLO);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.deepEqual(await answerOf(answer), [429, 'queue_full']);
  engine.waiting = 2;
  assert.deepEqual(await answerOf(await post(`${url}/v1/chat/completions`, { ...HELLO, n: 2 })), [
    429,
    'queue_full',
  ]);
  assert.equal((await post(`${url}/v1/chat/completions`, HELLO)).status, 200);
});

test('an engine that fails as a whole ends all requests, and the server says so', async (t) => {
  const { url, engine, reports } = await serveScript(t, forever, { contextTokens: 1e9 });
  engine.failsAtStep = 100;
  const chat = `${url}/v1/chat/completions`;
  const [whole, stream] = await Promise.all([
    post(chat, HELLO),
    post(chat, { ...HELLO, stream: true }),
  ]);
  assert.deepEqual(await answerOf(whole), [500, null]);
  const text = await stream.text();
  assert.match(text, /the server failed/);
  assert.doesNotMatch(text, /fire/);
  assert.match(String(reports[0]), /fire/);
  assert.deepEqual(await answerOf(await post(chat, HELLO)), [503, 'engine_failed']);
  const health = await fetch(`${url}/health`);
  assert.deepEqual([health.status, await health.json()], [503, { status: 'failed' }]);
});
