/** Threads share a program: the same bits whatever their number, and whatever the parts of calls. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { bitsOf, Session } from '../../../../test/session.ts';
import { loadModel } from '../../../model/index.ts';
import { cpuTarget, type CpuOptions } from '../target.ts';
import { makeControl, threadWords } from './control.ts';
import { nextRun, resetTally } from './tally.ts';

const GOLDEN = path.join(import.meta.dirname, '../../../../test/golden');

/** One of each kind of attention, state and mixture. */
const MODELS = [
  'qwen3-wide',
  'qwen3-moe',
  'qwen3.5-moe',
  'deepseek-v3-yarn',
  'deepseek-v3.2-sparse',
  'deepseek-v4-compressed',
  'qwen3.8-flash-next',
];

const PROMPT = Array.from({ length: 37 }, (_, i) => (i * i + 3 * i + 5) % 64);

/** All logits of a prompt in two pieces and of two steps after it. */
function logitsOf(name: string, options: CpuOptions): readonly string[] {
  const graph = loadModel(path.join(GOLDEN, name)).graph({ logits: 'last' });
  const session = new Session(cpuTarget(options), graph);
  const logits = [session.feed(PROMPT, 20), session.step([11]), session.step([50])];
  session.device.close();
  return logits.map((row) => bitsOf(row).join());
}

for (const name of MODELS) {
  test(`${name}: calls in one piece, and in parts shared by three threads, give the same bits`, () => {
    const whole = logitsOf(name, { workOfPart: Infinity });
    assert.deepEqual(logitsOf(name, { workOfPart: 64 }), whole);
    assert.deepEqual(logitsOf(name, { workOfPart: 64, threads: 3 }), whole);
  });
}

for (const emitter of ['wasm', 'auto'] as const) {
  test(`threads that have learned a program walk it with the same bits: ${emitter}`, () => {
    for (const name of ['qwen3-wide', 'qwen3.5-moe']) {
      const graph = loadModel(path.join(GOLDEN, name)).graph({ logits: 'last' });
      const steps = (options: CpuOptions): readonly string[] => {
        const session = new Session(cpuTarget({ ...options, emitter }), graph);
        session.feed(PROMPT.slice(0, 9), 9);
        const logits = Array.from({ length: 40 }, (_, i) => bitsOf(session.step([(7 * i) % 64])));
        session.device.close();
        return logits.map((row) => row.join());
      };
      const whole = steps({ workOfPart: Infinity });
      for (const threads of [1, 2, 3, 5])
        assert.deepEqual(steps({ workOfPart: 64, threads }), whole);
    }
  });
}

test('the number of a run stands above the chunks, and starts again before it is negative', () => {
  const words = threadWords(makeControl(1), 0);
  const last = 2 ** 19 - 1;
  resetTally(words, 3, last);
  assert.deepEqual([...words.next.subarray(0, 4)], [...Array<number>(3).fill(last * 2 ** 12), 0]);
  assert.equal(nextRun(0), 1);
  assert.equal(nextRun(last), 1);
});

test('a thread count must be a whole number', () => {
  for (const threads of [0, -1, 1.5, 1000, NaN])
    assert.throws(() => cpuTarget({ threads }), /threads must be a whole number from 1 to 256/);
});
