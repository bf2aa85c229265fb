/** Streams of events: what goes out at once, and what goes out together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventStream, type SentEvent } from '../../src/serve/eventStream.ts';
import { DEFAULT_LIMITS } from '../../src/serve/limits.ts';

const NEVER_MS = 1e6;

/** The pieces that a reader gets, one after another. */
function read(
  events: AsyncIterable<SentEvent>,
  togetherMs: number,
): () => Promise<string | undefined> {
  const { body } = eventStream(events, { ...DEFAULT_LIMITS, togetherMs }, () => {});
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  return async () => (await reader.read()).value;
}

async function* numbers(): AsyncGenerator<SentEvent, void> {
  for (const n of [1, 2, 3]) yield { data: { n } };
}

test('the first event goes out at once, those soon after it together, and all before the end', async () => {
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  async function* events(): AsyncGenerator<SentEvent, void> {
    yield { data: { n: 0 } };
    await goOn;
    yield* numbers();
  }
  const next = read(events(), NEVER_MS);
  assert.equal(await next(), 'data: {"n":0}\n\n');
  resolve();
  assert.equal(await next(), 'data: {"n":1}\n\ndata: {"n":2}\n\ndata: {"n":3}\n\n');
  assert.equal(await next(), undefined);
});

test('an error comes after all that was before it', async () => {
  async function* events(): AsyncGenerator<SentEvent, void> {
    yield* numbers();
    throw new Error('broken');
  }
  const next = read(events(), NEVER_MS);
  assert.equal(await next(), 'data: {"n":1}\n\n');
  assert.match((await next())!, /"n":2.*"n":3.*event: error/s);
});

test('without a time for that every event goes out alone; with one, nothing waits for the end', async () => {
  const alone = read(numbers(), 0);
  for (const n of [1, 2, 3]) assert.equal(await alone(), `data: {"n":${n}}\n\n`);
  const { promise: end, resolve } = Promise.withResolvers<void>();
  async function* open(): AsyncGenerator<SentEvent, void> {
    yield* numbers();
    await end;
  }
  const next = read(open(), 1);
  let text = '';
  while (!text.includes('"n":3')) text += await next();
  resolve();
  assert.equal(await next(), undefined);
});
