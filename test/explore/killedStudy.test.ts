/** A study whose process is killed, and one that is not. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/tree.ts';
import { Random } from '../../src/base/index.ts';
import { StudyStore } from '../../src/explore/study/index.ts';
import { asJson, talk } from './processes.ts';
import { expectedPoints, expectedResult } from './syntheticStudy.ts';

/** Few, as each starts Node anew; `cluster.redis.test.ts` kills 20 times. */
const KILLS = 3;

test('kill -9 at any time loses nothing that was finished', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-study-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'study.db');
  const random = new Random(8);
  const start = () => talk(path.join(root, 'test/explore/studyProcess.ts'), file, '1');
  let finished = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const study = start();
    await study.said(2 + random.int(20));
    await new Promise((resolve) => setTimeout(resolve, random.int(8)));
    await study.kill();
    const told = study.lines as { finished: number; reused: number }[];
    // The first batch may have less than all that was kept.
    assert.ok(told.at(-1)!.finished >= told[0]!.reused);
    finished = Math.max(finished, told.at(-1)!.finished);
    const store = StudyStore.read(file);
    assert.ok(store.count >= finished, `${store.count} kept of ${finished} finished`);
    store.close();
  }
  const last = start();
  assert.equal(await last.ended, 0);
  assert.deepEqual(last.lines.at(-1), asJson({ result: expectedResult() }));
  const store = StudyStore.read(file);
  assert.deepEqual([...store.points()], expectedPoints());
  store.close();
});
