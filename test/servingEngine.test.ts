/** The engine that serves many, on a model so small that thousands of requests are quick. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError } from '../src/base/index.ts';
import type { Target } from '../src/compile/index.ts';
import {
  Engine,
  lookupDrafts,
  type EngineOptions,
  type EngineRequest,
  type TokenConstraint,
} from '../src/engine/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { serveAll } from './serving.ts';
import { alone, requireEmpty, serveAtRandom } from './servingAtRandom.ts';
import { smallModel, VOCABULARY } from './smallModel.ts';

const CONTEXT = 48;
const ROWS = smallModel('rows');
const REPLACED = smallModel('replaced');
const LIMITS = { contextTokens: CONTEXT, blockTokens: 4 };

function open(graph: Graph, options: Partial<EngineOptions> = {}): Engine {
  const target = referenceTarget();
  return new Engine(graph, target, target.open({}), { ...LIMITS, ...options });
}

for (const graph of [ROWS, REPLACED]) {
  const required = alone(graph, referenceTarget(), CONTEXT);
  const crowded = { maxSequences: 6, blocks: 14, snapshots: 8 };

  test(`${graph.name}: random requests over shared beginnings get what they get alone, and leave nothing`, () => {
    const engine = open(graph, crowded);
    serveAtRandom(engine, required, 1000);
    const { preemptions, prefixHitTokens } = engine.status();
    assert.ok(preemptions > 10, `${preemptions} preemptions`);
    assert.ok(prefixHitTokens > 500, `${prefixHitTokens} tokens were there`);
    requireEmpty(engine);
  });

  test(`${graph.name}: the same where chunks of prompts wait for those that decode`, () => {
    for (const [stepTokens, snapshots] of [
      [5, 1],
      [9, 3],
      [9, 8],
    ] as const) {
      const engine = open(graph, { ...crowded, stepTokens, snapshots });
      serveAtRandom(engine, required, 300);
      requireEmpty(engine);
    }
  });

  test(`${graph.name}: the same with guesses`, () => {
    const engine = open(graph, { ...crowded, drafts: lookupDrafts(1, 3), draftSequences: 5 });
    serveAtRandom(engine, required, 600);
    const { draftedTokens, acceptedTokens } = engine.status();
    assert.ok(acceptedTokens > 20 && acceptedTokens < draftedTokens);
    requireEmpty(engine);
  });
}

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9];

function request(id: string, prompt = PROMPT, others: Partial<EngineRequest> = {}): EngineRequest {
  return { id, prompt, maxNewTokens: 4, eosTokenIds: [], ...others };
}

test('whoever decodes has a turn in time, however many short prompts with short answers come', () => {
  const engine = open(ROWS, { maxSequences: 6 });
  const short = (i: number): EngineRequest =>
    request(`short${i}`, [...PROMPT.slice(0, 8), i % 16, (i >> 4) % 16], { maxNewTokens: 1 });
  let [count, since, most, tokens] = [4, 0, 0, 0];
  engine.add(request('long', PROMPT, { maxNewTokens: 20 }));
  for (let i = 0; i < count; i++) engine.add(short(i));
  for (let step = 0; step < 400 && tokens < 20; step++, since++) {
    for (const event of engine.step()) {
      if (event.id === 'long' && event.kind === 'token') {
        if (tokens++ > 0) most = Math.max(most, since);
        since = 0;
      } else if (event.kind === 'finished' && event.id !== 'long') engine.add(short(count++));
    }
  }
  assert.equal(tokens, 20);
  assert.ok(most <= 8, `${most} steps between two tokens`);
});

test('a request is told what of its prompt was there, and why not more', () => {
  const prefixOf = (engine: Engine, prompt: readonly number[]): unknown =>
    serveAll(engine, [{ id: 'a', prompt, maxNewTokens: 1, atStep: 0 }]).get('a')!.usage!.prefix;
  const rows = open(ROWS);
  assert.deepEqual(prefixOf(rows, PROMPT), { foundTokens: 0, reusedTokens: 0, miss: 'unknown' });
  assert.deepEqual(prefixOf(rows, PROMPT), { foundTokens: 12, reusedTokens: 12, miss: 'short' });
  const other = [...PROMPT.slice(0, 9), 0, 0, 0, 0, 0];
  assert.deepEqual(prefixOf(rows, other), { foundTokens: 8, reusedTokens: 8, miss: 'unknown' });
  assert.deepEqual(prefixOf(rows, PROMPT.slice(0, 12)), {
    ...{ foundTokens: 8, reusedTokens: 8, miss: 'short' },
  });
  const replaced = open(REPLACED);
  prefixOf(replaced, PROMPT);
  // Only after 12 tokens is there a snapshot; the second time also where the texts part.
  assert.deepEqual(prefixOf(replaced, other), {
    foundTokens: 8,
    reusedTokens: 0,
    miss: 'snapshot',
  });
  const third = [...PROMPT.slice(0, 8), 7, 7, 7];
  assert.deepEqual(prefixOf(replaced, third), { foundTokens: 8, reusedTokens: 8, miss: 'short' });
  const off = open(ROWS, { prefixCaching: false });
  prefixOf(off, PROMPT);
  assert.deepEqual(prefixOf(off, PROMPT), { foundTokens: 0, reusedTokens: 0, miss: 'off' });
});

test('a conversation goes on from what was generated', () => {
  for (const graph of [ROWS, REPLACED]) {
    const engine = open(graph);
    const first = serveAll(engine, [{ id: 'a', prompt: PROMPT, maxNewTokens: 9, atStep: 0 }]);
    const answer = first.get('a')!.chosen.map(({ token }) => token);
    const prompt = [...PROMPT, ...answer, 1, 2, 3];
    const { usage } = serveAll(engine, [{ id: 'b', prompt, maxNewTokens: 1, atStep: 0 }]).get('b')!;
    assert.equal(usage!.cachedTokens, 20, graph.name); // 13 + 9 tokens, the last without state
  }
});

test('a long prompt is read in chunks, and after each the others get a token', () => {
  const engine = open(ROWS, { stepTokens: 9 });
  engine.add(request('short', [1, 2], { maxNewTokens: 8 }));
  while (engine.step().length === 0);
  engine.add(
    request(
      'long',
      Array.from({ length: 40 }, (_, i) => i % VOCABULARY),
    ),
  );
  const steps = Array.from({ length: 11 }, () => engine.step().map(({ id }) => id));
  const between = Array.from({ length: 5 }, () => [['short'], []]).flat();
  assert.deepEqual(steps, [...between.slice(0, -1), ['long'], ['short', 'long']]);
});

test('requests start in the order of their arrival, also when a later one would fit', () => {
  const engine = open(ROWS, { maxSequences: 3, blocks: 12 });
  engine.add(request('a', Array<number>(20).fill(1), { maxNewTokens: 8 }));
  engine.add(request('b', Array<number>(32).fill(2), { maxNewTokens: 2 }));
  engine.add(request('c', [3], { maxNewTokens: 2 }));
  const ends: string[] = [];
  while (!engine.idle)
    for (const { kind, id } of engine.step()) if (kind === 'finished') ends.push(id);
  assert.deepEqual(ends, ['a', 'b', 'c']);
});

test('an abort ends a request at once, running or waiting, and gives back what it held', () => {
  const engine = open(REPLACED, { maxSequences: 2 });
  for (const id of ['a', 'b', 'c'])
    engine.add(request(id, [...PROMPT, Number.parseInt(id, 36)], { maxNewTokens: 20 }));
  while (engine.status().runningRequests < 2) engine.step();
  assert.equal(engine.status().waitingRequests, 1);
  for (const id of ['c', 'a', 'nobody']) engine.abort(id);
  assert.deepEqual(
    engine
      .step()
      .flatMap((event) => (event.kind === 'finished' ? [`${event.id} ${event.reason}`] : [])),
    ['c aborted', 'a aborted'],
  );
  engine.abort('b');
  assert.equal(engine.idle, false, 'the end is still to be told');
  engine.step();
  assert.equal(engine.idle, true);
  requireEmpty(engine);
});

test('one request that fails does not stop the others', () => {
  const required = alone(ROWS, referenceTarget(), CONTEXT);
  const engine = open(ROWS);
  const deny = (when: number): TokenConstraint => {
    let taken = 0;
    return {
      restrict: (allowed) => void (taken === when && allowed.fill(0)),
      accept: () => void taken++,
    };
  };
  const visits = ['a', 'b', 'c', 'd'].map((id, i) => ({
    ...{ id, prompt: PROMPT.slice(i), maxNewTokens: 6, atStep: 0 },
    ...(i === 1 && { request: { constraint: deny(0) } }),
    ...(i === 2 && { request: { constraint: deny(2) } }),
  }));
  const served = serveAll(engine, visits);
  const tokensOf = (id: string): number[] => served.get(id)!.chosen.map(({ token }) => token);
  assert.deepEqual(tokensOf('a'), required(PROMPT, 6));
  assert.deepEqual(tokensOf('d'), required(PROMPT.slice(3), 6));
  assert.match(served.get('b')!.error!.message, /a constraint must allow some token, not none/);
  assert.deepEqual(tokensOf('c'), required(PROMPT.slice(2), 2));
  assert.equal(served.get('c')!.end, 'failed');
  requireEmpty(engine);
});

test('a step that the device refuses ends the requests that it was for', () => {
  const target = referenceTarget();
  const device = target.open({});
  const run = device.run.bind(device);
  device.run = (program, inputs) => {
    if (inputs.tokens.includes(23)) throw new Error('refused');
    return run(program, inputs);
  };
  const engine = new Engine(REPLACED, target, device, LIMITS);
  const visits = [PROMPT, [1, 2, 23], PROMPT.slice(1)].map((prompt, i) => ({
    ...{ id: `${i}`, prompt, maxNewTokens: 5, atStep: i },
  }));
  const served = serveAll(engine, visits);
  assert.deepEqual(
    [...served.values()].map(({ end }) => end),
    ['length', 'failed', 'length'],
  );
  const required = alone(REPLACED, target, CONTEXT);
  for (const i of [0, 2]) {
    const tokens = served.get(`${i}`)!.chosen.map(({ token }) => token);
    assert.deepEqual(tokens, required(visits[i]!.prompt, 5));
  }
  requireEmpty(engine);
});

test('a drafter that fails ends its request, not the others', () => {
  const draft = (tokens: readonly number[]): readonly number[] => {
    if (tokens[0] === 1) throw new Error('no guess');
    return [];
  };
  const drafts = { start: () => ({ draft, end: () => {} }) };
  const engine = open(ROWS, { drafts });
  const visits = [PROMPT, [1, 2, 3], PROMPT.slice(2)].map((prompt, i) => ({
    ...{ id: `${i}`, prompt, maxNewTokens: 5, atStep: i },
  }));
  const ends = [...serveAll(engine, visits).values()].map(({ end }) => end);
  assert.deepEqual(ends, ['length', 'failed', 'length']);
  requireEmpty(engine);
});

test('draws depend on the seed and the place in the text, not on who is there or what was guessed', () => {
  const sampling = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1.2 };
  const visits = Array.from({ length: 8 }, (_, i) => ({
    ...{ id: `${i}`, prompt: PROMPT.slice(i), maxNewTokens: 12, atStep: i % 3 },
    request: { sampling: { ...sampling, seed: i } },
  }));
  const tokensOf = (engine: Engine): number[][] =>
    [...serveAll(engine, visits)]
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([, { chosen }]) => chosen.map(({ token }) => token));
  const required = tokensOf(open(REPLACED, { maxSequences: 1 }));
  assert.ok(new Set(required.map((tokens) => tokens.join())).size === 8);
  assert.deepEqual(tokensOf(open(REPLACED)), required);
  const crowded = open(REPLACED, { blocks: 12, drafts: lookupDrafts(1, 3), draftSequences: 8 });
  assert.deepEqual(tokensOf(crowded), required);
  assert.ok(crowded.status().preemptions > 0);
});

test('sequences that do not fit one program run in several', () => {
  const whole: Target = referenceTarget();
  const sizes: number[] = [];
  const target: Target = {
    name: whole.name,
    passes: whole.passes,
    supports: (node) => whole.supports(node),
    bucket: (dims) => {
      if (dims.B > 2) throw new CapacityError('at most two');
      sizes.push(dims.B);
      return whole.bucket(dims);
    },
    maxTokens: (on) => whole.maxTokens(on),
    schedule: (kernels, on, dims) => whole.schedule(kernels, on, dims),
    emit: (schedule, plan) => whole.emit(schedule, plan),
    open: (options) => whole.open(options),
  };
  const engine = new Engine(ROWS, target, whole.open({}), LIMITS);
  const required = alone(ROWS, whole, CONTEXT);
  const visits = Array.from({ length: 5 }, (_, i) => ({
    ...{ id: `${i}`, prompt: PROMPT.slice(i), maxNewTokens: 6, atStep: 0 },
  }));
  const served = serveAll(engine, visits);
  for (const { id, prompt } of visits) {
    const tokens = served.get(id)!.chosen.map(({ token }) => token);
    assert.deepEqual(tokens, required(prompt, 6), id);
  }
  assert.deepEqual([...new Set(sizes)].toSorted(), [1, 2]);
});

test('an engine that was warmed up has room for all, or for as many as fit, and gives the same', () => {
  for (const graph of [ROWS, REPLACED]) {
    const target = referenceTarget();
    const device = target.open({});
    const run = device.run.bind(device);
    device.run = (program, inputs) => {
      if (inputs.firstSlot! + inputs.positions.length > 3) throw new CapacityError('three slots');
      return run(program, inputs);
    };
    const engine = new Engine(graph, target, device, { ...LIMITS, maxSequences: 7 });
    assert.equal(engine.warmUp(), 3);
    assert.deepEqual([engine.idle, engine.status().usedBlocks], [true, 0]);
    const required = alone(graph, target, CONTEXT);
    const visits = Array.from({ length: 5 }, (_, i) => ({
      ...{ id: `${i}`, prompt: PROMPT.slice(i), maxNewTokens: 6, atStep: 0 },
    }));
    for (const [id, { chosen }] of serveAll(engine, visits)) {
      const tokens = chosen.map(({ token }) => token);
      assert.deepEqual(tokens, required(PROMPT.slice(Number(id)), 6));
    }
  }
});

test('logprobs are those of the model, likeliest first', () => {
  const engine = open(ROWS);
  const visit = { id: 'a', prompt: PROMPT, maxNewTokens: 3, atStep: 0 };
  const { chosen } = serveAll(engine, [visit], VOCABULARY).get('a')!;
  for (const { token, top } of chosen) {
    assert.equal(top![0]!.token, token);
    const sum = top!.reduce((total, { logprob }) => total + Math.exp(logprob), 0);
    assert.ok(Math.abs(sum - 1) < 1e-12);
    assert.ok(top!.every(({ logprob }, i) => i === 0 || logprob <= top![i - 1]!.logprob));
  }
});

test('a text ends at an end token, after enough tokens, and when the context is full', () => {
  const required = alone(ROWS, referenceTarget(), CONTEXT)(PROMPT, 8);
  const engine = open(ROWS, { blocks: 4 }); // 16 tokens
  const end = (others: Partial<EngineRequest>): [string, number] => {
    const visit = { id: 'a', prompt: PROMPT, maxNewTokens: 8, atStep: 0, request: others };
    const { end: reason, chosen } = serveAll(engine, [visit]).get('a')!;
    return [reason, chosen.length];
  };
  assert.deepEqual(end({ eosTokenIds: [required[1]!] }), [
    'stop',
    required.indexOf(required[1]!) + 1,
  ]);
  assert.deepEqual(end({ maxNewTokens: 0 }), ['length', 0]);
  assert.deepEqual(end({ maxNewTokens: 2 }), ['length', 2]);
  assert.deepEqual(end({}), ['context', 4]);
});

test('a request that can never run is refused', () => {
  const engine = open(ROWS);
  engine.add(request('a'));
  const refuses = (one: EngineRequest, name: string, message: RegExp): void =>
    assert.throws(() => engine.add(one), { name, message });
  refuses(request('a'), 'UsageError', /an id must be of one request, not a again/);
  refuses(request('b', []), 'UsageError', /at least one token/);
  refuses(
    request('b', [VOCABULARY]),
    'UsageError',
    /token ids must be whole numbers from 0 to 23, not 24/,
  );
  refuses(
    request('b', Array<number>(49).fill(1)),
    'CapacityError',
    /must fit the context of 48 tokens/,
  );
  refuses(request('b', [1], { maxNewTokens: -1 }), 'UsageError', /must be a whole number, not -1/);
});

test('an engine has at least one of all it counts', () => {
  for (const name of ['contextTokens', 'maxSequences', 'blockTokens', 'blocks', 'stepTokens']) {
    assert.throws(() => open(ROWS, { [name]: 0 }), {
      name: 'UsageError',
      message: `${name} must be a whole number from 1, not 0`,
    });
  }
});
