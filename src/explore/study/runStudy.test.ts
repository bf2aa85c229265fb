import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  evaluateSynthetic,
  expectedResult,
  syntheticDefinition,
  syntheticSearch,
} from '../../../test/explore/syntheticStudy.ts';
import { inProcessEvaluator, threadEvaluator } from './localEvaluators.node.ts';
import { runStudy, type Evaluator, type StudyProgress } from './runStudy.ts';
import { StudyStore } from './studyStore.node.ts';

const definition = syntheticDefinition();
const { objectives } = definition;
const expected = expectedResult();

function open(t: TestContext): { store: StudyStore; reopen: () => StudyStore } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-study-'));
  const file = path.join(folder, 'study.db');
  let store = StudyStore.open(file, definition);
  t.after(() => {
    store.close();
    fs.rmSync(folder, { recursive: true });
  });
  return {
    store,
    reopen: () => {
      store.close();
      return (store = StudyStore.open(file, definition));
    },
  };
}

test('a study finds what its search finds, and knows how far it is', async (t) => {
  const { store } = open(t);
  const seen: StudyProgress[] = [];
  let time = 0;
  const result = await runStudy(
    syntheticSearch(),
    objectives,
    store,
    inProcessEvaluator(evaluateSynthetic, 10),
    { onProgress: (progress) => seen.push(progress), now: () => (time += 100) },
  );
  assert.deepEqual(result, expected);
  assert.equal(store.count, 576);
  assert.ok(expected.front.length > 5);
  assert.deepEqual(seen[0], {
    batch: 0,
    finished: 0,
    reused: 0,
    left: 576,
    pointsPerSecond: 0,
    secondsLeft: undefined,
  });
  const last = seen.at(-1)!;
  assert.deepEqual([last.finished, last.left, last.secondsLeft], [576, 0, 0]);
  for (const { finished, left } of seen) assert.equal(finished + left, 576);
});

test('a study that stops again and again ends as one that does not, and evaluates nothing twice', async (t) => {
  const { store, reopen } = open(t);
  let [current, evaluated, stops] = [store, 0, 0];
  const failing = (): Evaluator => {
    let rest = 70;
    const evaluate = (point: readonly number[]) => {
      if (rest-- === 0) throw new Error('power cut');
      evaluated++;
      return evaluateSynthetic(point);
    };
    return inProcessEvaluator(evaluate, 1);
  };
  for (;;) {
    try {
      const result = await runStudy(syntheticSearch(), objectives, current, failing());
      assert.deepEqual(result, expected);
      break;
    } catch (error) {
      assert.match(String(error), /point \d+,\d+: power cut/);
      stops++;
      current = reopen();
    }
  }
  assert.deepEqual([stops, evaluated], [8, 576]);
});

test('a study that is told to stop keeps what it has begun', async (t) => {
  const { store } = open(t);
  const controller = new AbortController();
  const evaluate = (point: readonly number[]) => {
    if (store.count >= 50) controller.abort(new Error('stopped'));
    return evaluateSynthetic(point);
  };
  const run = runStudy(syntheticSearch(), objectives, store, inProcessEvaluator(evaluate, 5), {
    signal: controller.signal,
  });
  await assert.rejects(run, /stopped/);
  assert.ok(store.count >= 50 && store.count < 60, `${store.count}`);
});

test('threads find the same, and the file is the same', async (t) => {
  const [alone, beside] = [open(t).store, open(t).store];
  await runStudy(syntheticSearch(), objectives, alone, inProcessEvaluator(evaluateSynthetic));
  const module = new URL('../../../test/explore/syntheticStudy.ts', import.meta.url).href;
  const threads = await threadEvaluator(module, definition, { threads: 2, portion: 3 });
  t.after(() => threads.close());
  assert.deepEqual(await runStudy(syntheticSearch(), objectives, beside, threads), expected);
  assert.deepEqual([...beside.points()], [...alone.points()]);
});

test('an error on a thread ends the study by name', async (t) => {
  const { store } = open(t);
  const module = new URL('../../../test/explore/noSuchFile.ts', import.meta.url).href;
  const threads = await threadEvaluator(module, definition, { threads: 1 });
  t.after(() => threads.close());
  await assert.rejects(runStudy(syntheticSearch(), objectives, store, threads), /noSuchFile/);
});
