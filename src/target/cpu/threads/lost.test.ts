/** Threads that end: what they have not taken others do, and what they have taken makes the run fail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { bitsOf, Session } from '../../../../test/session.ts';
import { loadModel } from '../../../model/index.ts';
import { cpuTarget } from '../target.ts';
import { makeTally, MOST_TASKS, resetTally } from './tally.ts';
import { makeControl, markGone, Walker } from './walk.ts';

const RUN = 1;

const taskOf = (chunk: () => void) => ({ first: 0, chunks: [chunk] });

/** Takes the only part of a call, as thread 1, and ends in the middle of it. */
const ENDS = `
  const { control, tally, walk } = require('node:worker_threads').workerData;
  import(walk).then(({ markGone, Walker }) => {
    process.once('exit', () => markGone(control, 1));
    new Walker(1, control).walk({ calls: [[{ first: 0, chunks: [() => process.exit()] }]] }, tally, ${RUN});
  });
`;

test('a thread that ends with a part that it has taken makes the run fail, and is not waited for', async () => {
  const [control, tally] = [makeControl(2), makeTally(1)];
  resetTally(tally, RUN);
  const walk = new URL('./walk.ts', import.meta.url).href;
  const worker = new Worker(ENDS, { eval: true, workerData: { control, tally, walk } });
  while ((Atomics.load(tally.next, 0) & MOST_TASKS) === 0) await sleep(1);
  assert.throws(
    () =>
      new Walker(0, control).walk({ calls: [[taskOf(() => assert.fail('taken'))]] }, tally, RUN),
    /must do the parts of a step that they take: thread 2 has ended/,
  );
  await once(worker, 'exit');
});

test('a thread that ends without a part is missed by nobody', () => {
  const [control, tally] = [makeControl(2), makeTally(1)];
  resetTally(tally, RUN);
  markGone(control, 1);
  let done = 0;
  new Walker(0, control).walk(
    { calls: [[taskOf(() => done++), taskOf(() => done++)]] },
    tally,
    RUN,
  );
  assert.equal(done, 2);
});

test('a device whose worker is killed between steps goes on with the same bits', async () => {
  const file = path.join(import.meta.dirname, '../../../../test/golden/qwen3-wide');
  const graph = loadModel(file).graph({ logits: 'last' });
  const logits = async (threads: number, kill: () => Promise<unknown>): Promise<string> => {
    const session = new Session(cpuTarget({ threads, workOfPart: 64 }), graph);
    session.feed([1, 2, 3], 3);
    await kill();
    const row = bitsOf(session.step([4])).join();
    session.device.close();
    return row;
  };
  const workers: Worker[] = [];
  const note = (worker: Worker): void => void workers.push(worker);
  process.on('worker', note);
  const found = await logits(3, async () => {
    await sleep(1); // workers are told of when they have been made
    await workers[0]!.terminate();
  });
  process.off('worker', note);
  assert.equal(workers.length, 2);
  assert.equal(found, await logits(1, async () => {}));
});
