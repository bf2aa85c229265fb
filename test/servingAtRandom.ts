/** Random requests over shared beginnings for an engine that serves many, each held to what it gets alone. */
import assert from 'node:assert/strict';
import { Random } from '../src/base/index.ts';
import type { Target } from '../src/compile/index.ts';
import {
  complete,
  generate,
  ModelRunner,
  type Engine,
  type EngineEvent,
} from '../src/engine/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { VOCABULARY } from './smallModel.ts';

/** What a request gets alone, by plain generation. */
export function alone(
  graph: Graph,
  target: Target,
  contextTokens: number,
): (prompt: readonly number[], count: number) => readonly number[] {
  const runner = new ModelRunner(graph, target, target.open({}), contextTokens);
  const known = new Map<string, readonly number[]>();
  return (prompt, maxNewTokens) => {
    const key = `${prompt.join()};${maxNewTokens}`;
    runner.reset();
    const tokens = known.get(key) ?? complete(generate(runner, prompt, { maxNewTokens })).tokens;
    known.set(key, tokens);
    return tokens;
  };
}

/** Prompts of which many begin alike. */
function textsOf(random: Random, count: number): number[][] {
  const text = (length: number): number[] => Array.from({ length }, () => random.int(VOCABULARY));
  const beginnings = Array.from({ length: 5 }, () => text(28));
  return Array.from({ length: count }, () => [
    ...beginnings[random.int(beginnings.length)]!.slice(0, random.int(28)),
    ...text(1 + random.int(4)),
  ]);
}

/** Serves so many requests that come, and are aborted, at random; each must get what it gets alone. */
export function serveAtRandom(
  engine: Engine,
  required: ReturnType<typeof alone>,
  count: number,
): void {
  const random = new Random(3);
  const texts = textsOf(random, 200);
  const wanted = new Map<string, readonly number[]>();
  const got = new Map<string, number[]>();
  const aborted = new Set<string>();
  const take = (event: EngineEvent): void => {
    const tokens = got.get(event.id)!;
    if (event.kind === 'token') return void tokens.push(event.token);
    assert.equal(event.kind, 'finished');
    const all = wanted.get(event.id)!;
    if (event.kind === 'finished' && event.reason === 'aborted')
      assert.ok(aborted.has(event.id), 'only what was aborted ends so');
    const complete = aborted.has(event.id) ? all.slice(0, tokens.length) : all;
    assert.deepEqual(tokens, complete, event.id);
    got.delete(event.id);
  };
  for (let next = 0; next < count || !engine.idle;) {
    for (let n = random.int(4); n > 0 && next < count; n--, next++) {
      const prompt = texts[random.int(texts.length)]!;
      const maxNewTokens = random.int(9);
      const id = `${next}`;
      wanted.set(id, required(prompt, maxNewTokens));
      got.set(id, []);
      engine.add({ id, prompt, maxNewTokens, eosTokenIds: [] });
    }
    if (random.int(4) === 0 && got.size > 0) {
      const id = [...got.keys()][random.int(got.size)]!;
      aborted.add(id);
      engine.abort(id);
    }
    engine.step().forEach(take);
  }
  assert.equal(got.size, 0, 'every request has ended');
}

export function requireEmpty(engine: Engine): void {
  engine.clearPrefixes();
  const { usedBlocks, publishedBlocks, snapshots, runningRequests, waitingRequests } =
    engine.status();
  assert.deepEqual(
    { usedBlocks, publishedBlocks, snapshots, runningRequests, waitingRequests },
    { usedBlocks: 0, publishedBlocks: 0, snapshots: 0, runningRequests: 0, waitingRequests: 0 },
  );
}
