/** The synthetic study on workers that come, go and are killed, over the machine's own Redis or Valkey. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { root } from '../../scripts/tree.ts';
import { Random } from '../../src/base/index.ts';
import {
  queueEvaluator,
  runQueueWorker,
  runStudy,
  StudyStore,
} from '../../src/explore/study/index.ts';
import { asJson, talk, type Talker } from './processes.ts';
import { findServer, SERVERS, startServer } from './redisServer.ts';
import {
  expectedPoints,
  expectedResult,
  slowDefinition,
  syntheticDefinition,
  syntheticSearch,
} from './syntheticStudy.ts';

const skip = findServer() === undefined && `needs ${SERVERS.join(' or ')}`;

const startWorker = (url: string): Talker =>
  talk(path.join(root, 'test/explore/workerProcess.ts'), url);

function scratch(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-cluster-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, 'study.db');
}

function readPoints(file: string) {
  const store = StudyStore.read(file);
  const points = [...store.points()];
  store.close();
  return points;
}

test(
  '20 kills of the study and its workers: nothing lost, nothing twice, the same result',
  { skip },
  async (t) => {
    const [url, file, random] = [await startServer(t), scratch(t), new Random(8)];
    const startStudy = (): Talker =>
      talk(path.join(root, 'test/explore/studyProcess.ts'), file, '2', url);
    const workers = [startWorker(url), startWorker(url)];
    let study = startStudy();
    t.after(() => Promise.all([...workers, study].map((each) => each.kill())));
    let kept = 0;
    const killed = { studies: 0, workers: 0 };
    for (let kill = 0; kill < 20; kill++) {
      const from = study.lines.length;
      await study.said(from + (from === 0 ? 2 : 1) + random.int(3));
      await new Promise((resolve) => setTimeout(resolve, random.int(30)));
      assert.equal(study.process.exitCode, null, 'killed before the end');
      if (random.int(2) === 0) {
        await study.kill();
        const count = readPoints(file).length;
        const told = study.lines as { finished: number }[];
        const finished = Math.max(...told.map((each) => each.finished));
        assert.ok(count >= Math.max(kept, finished), `${count} kept of ${finished} finished`);
        [kept, study] = [count, startStudy()];
        killed.studies++;
      } else {
        const lost = random.int(2);
        await workers[lost]!.kill();
        workers[lost] = startWorker(url);
        killed.workers++;
      }
    }
    assert.equal(await study.ended, 0);
    assert.deepEqual(study.lines.at(-1), asJson({ result: expectedResult() }));
    assert.deepEqual(readPoints(file), expectedPoints());
    assert.ok(killed.studies >= 5 && killed.workers >= 5, JSON.stringify(killed));
    t.diagnostic(`${killed.studies} kills of the study, ${killed.workers} of workers`);
  },
);

test(
  'a study waits for workers, and one that leaves delivers what it has begun',
  { skip },
  async (t) => {
    const [url, file] = [await startServer(t), scratch(t)];
    const definition = slowDefinition(1);
    const store = StudyStore.open(file, definition);
    const evaluator = await queueEvaluator(url, definition, { portion: 6 });
    const run = runStudy(syntheticSearch(), definition.objectives, store, evaluator);
    assert.equal(await evaluator.countWorkers(), 0);
    const first = startWorker(url);
    t.after(() => first.kill());
    await first.said(3);
    await first.kill('SIGTERM');
    assert.equal(await first.ended, 0);
    const second = startWorker(url);
    t.after(() => second.kill());
    assert.deepEqual(await run, expectedResult());
    await second.kill('SIGTERM');
    const portions = [...first.lines, ...second.lines] as number[];
    assert.equal(
      portions.reduce((sum, points) => sum + points, 0),
      576,
      'none was done twice',
    );
    await evaluator.close();
    store.close();
    assert.deepEqual(readPoints(file), expectedPoints());
  },
);

test(
  'workers of another version take nothing, and what fails on one fails the study by name',
  { skip },
  async (t) => {
    const url = await startServer(t);
    const definition = syntheticDefinition();
    const controller = new AbortController();
    const work = (version: string, message: string) =>
      runQueueWorker({
        url,
        celadon: { version, commit: null },
        openEvaluator: () => ({
          portion: 1,
          lanes: 1,
          evaluate: () => Promise.reject(new Error(message)),
          close: async () => {},
        }),
        signal: controller.signal,
      });
    const workers = [work('9.9.9', 'wrong version'), work('0.0.0', 'point 3,4: no such thing')];
    const evaluator = await queueEvaluator(url, definition);
    await assert.rejects(evaluator.evaluate([[3, 4]]), {
      name: 'CeladonError',
      message: 'point 3,4: no such thing',
      where: 'a worker of the queue explore-0.0.0-unknown',
    });
    controller.abort();
    await Promise.all(workers);
    await evaluator.close();
  },
);
