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
import { createKernelMemory } from '../kernels/memories.ts';
import { compiledKernels } from '../kernels/kernelModule.ts';
import { compiledWalk } from '../kernels/walk.ts';
import { makeControl, markGone, threadWords } from './control.ts';
import { openKernels, type KernelSource } from './kernelSet.ts';
import { MOST_TASKS, resetTally } from './tally.ts';
import { Walker, type Walk } from './walk.ts';

const RUN = 1;

/** What threads share, before a run of one call of so many tasks. */
function begin(tasks: number) {
  const [{ module }, memory] = [compiledKernels(true), createKernelMemory(true)];
  const source: KernelSource = { module, memory, walk: { module: compiledWalk(true, 1) } };
  const control = makeControl(2);
  const words = threadWords(control, 0);
  resetTally(words, 1, RUN);
  const walk = (run: () => void): void => {
    const { route } = openKernels(source, control, 0);
    const calls: Walk = { tasks: [tasks], route: route([tasks], () => {}), do: run };
    new Walker(0, control).walk(calls, RUN);
  };
  return { source, control, words, walk };
}

/** Takes the only part of a call, as thread 1, and ends in the middle of it. */
const ENDS = `
  const { control, source, urls } = require('node:worker_threads').workerData;
  Promise.all(urls.map((url) => import(url))).then(([{ markGone }, { openKernels }, { Walker }]) => {
    process.once('exit', () => markGone(control, 1));
    const { route } = openKernels(source, control, 1);
    const walk = { tasks: [1], route: route([1], () => {}), do: () => process.exit() };
    new Walker(1, control).walk(walk, ${RUN});
  });
`;

test('a thread that ends with a part that it has taken makes the run fail, and is not waited for', async () => {
  const { source, control, words, walk } = begin(1);
  const urls = ['control', 'kernelSet', 'walk'].map(
    (name) => new URL(`./${name}.ts`, import.meta.url).href,
  );
  const worker = new Worker(ENDS, { eval: true, workerData: { control, source, urls } });
  while ((Atomics.load(words.next, 0) & MOST_TASKS) === 0) await sleep(1);
  assert.throws(
    () => walk(() => assert.fail('taken')),
    /must do the parts of a step that they take: thread 2 has ended/,
  );
  await once(worker, 'exit');
});

test('a thread that ends without a part is missed by nobody', () => {
  const { control, walk } = begin(2);
  markGone(control, 1);
  let done = 0;
  walk(() => done++);
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
