import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';
import { loadChip } from '../chip/index.ts';
import { loadModel } from '../model/index.ts';
import {
  formatBench,
  formatMemory,
  meanAndDeviation,
  testName,
  type BenchRow,
} from './benchRows.ts';

const bench = (...args: string[]) => celadon('bench', ...args);

const HALF_SECOND = { seconds: 0.5, cycles: 1000 };

function row(changes: Partial<BenchRow>): BenchRow {
  return {
    model: 'm',
    modelType: 'qwen3 Q8_0',
    modelBytes: 1024,
    parameters: 10,
    target: 'cpu',
    chip: null,
    processor: 'one "good" CPU',
    test: { promptTokens: 0, generatedTokens: 4, depthTokens: 0, sequences: 2 },
    testTime: '2026-11-29T00:00:00.000Z',
    memory: { peakBytes: 3_000_000, residentBytes: 2_200_000, model: null },
    samples: [HALF_SECOND, { seconds: 1, cycles: 1000 }],
    ...changes,
  };
}

test('the mean and the deviation of a sample', () => {
  assert.deepEqual(meanAndDeviation([2, 4, 4, 4, 5, 5, 7, 9]), [5, Math.sqrt(32 / 7)]);
  assert.deepEqual(meanAndDeviation([3]), [3, 0]);
});

test('tests have the names of llama-bench', () => {
  const none = { promptTokens: 0, generatedTokens: 0, depthTokens: 0, sequences: 1 };
  assert.equal(testName({ ...none, promptTokens: 512 }), 'pp512');
  assert.equal(testName({ ...none, generatedTokens: 128, depthTokens: 64 }), 'tg128 @ d64');
  assert.equal(testName({ ...none, generatedTokens: 64, sequences: 8 }), 'tg64 x8');
});

test('rates count the tokens of all sequences, by host time and by the clock of a chip', () => {
  const [ofHost] = JSON.parse(formatBench([row({})], 'json'));
  assert.deepEqual(ofHost.samples_ts, [16, 8]);
  assert.deepEqual([ofHost.avg_ts, ofHost.avg_ns, ofHost.n_seq], [12, 750_000_000, 2]);
  assert.equal(ofHost.chip_ts, null);
  const chip = loadChip('jade-nano');
  const [onChip] = JSON.parse(formatBench([row({ chip, target: 'jade' })], 'json'));
  assert.equal(onChip.chip_ts, (8 * chip.clockHz) / 1000);
});

test('memory is compared with weights and state, where a device counts them', () => {
  const resident = { peakBytes: 3 * 2 ** 20, residentBytes: 11 * 2 ** 18 };
  const model = { weights: 2 ** 21, state: 2 ** 19 };
  assert.equal(
    formatMemory({ ...resident, model }),
    '2.75 MiB resident, 3.00 MiB at most; weights 2.00 MiB, state 512 KiB: 110 % of the two',
  );
  assert.equal(formatMemory({ ...resident, model: null }), '2.75 MiB resident, 3.00 MiB at most');
});

test('CSV has no samples and quotes its cells; a line of JSONL is a row', () => {
  const lines = formatBench([row({}), row({})], 'csv')
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, 3);
  assert.doesNotMatch(lines[0]!, /samples/);
  assert.match(lines[1]!, /"one ""good"" CPU"/);
  assert.equal(
    formatBench([row({}), row({})], 'jsonl')
      .trimEnd()
      .split('\n').length,
    2,
  );
});

test('a model is timed with prompts and generation, at a depth, in several sequences', async () => {
  const args = ['-p', '16', '-n', '2', '-d', '0,8', '-s', '1,3', '-r', '2', '-o', 'jsonl'];
  const { status, stdout, stderr } = await bench('qwen3-tiny', ...args);
  assert.equal(status, 0, stderr);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const shapes = rows.map(({ n_prompt, n_gen, n_depth, n_seq }) =>
    [n_prompt, n_gen, n_depth, n_seq].join(' '),
  );
  const expected = ['16 0 0 1', '16 0 0 3', '16 0 8 1', '16 0 8 3'];
  assert.deepEqual(shapes, [...expected, '0 2 0 1', '0 2 0 3', '0 2 8 1', '0 2 8 3']);
  const { checkpoint } = loadModel(path.join(import.meta.dirname, '../../models/qwen3-tiny'));
  const stored = checkpoint.tensorNames().map((name) => checkpoint.info(name).sizeBytes);
  const least = stored.reduce((sum, bytes) => sum + bytes, 0);
  for (const { avg_ts, samples_ns, ...bytes } of rows) {
    const { peak_memory: peak, resident_memory: resident } = bytes;
    const { weights_memory: weights, state_memory: state } = bytes;
    assert.ok(weights >= least && weights < 3 * least, `${weights} of ${least}`);
    assert.ok(state > 0 && resident > weights + state && peak >= resident, `${resident}, ${peak}`);
    assert.equal(samples_ns.length, 2);
    assert.ok(avg_ts > 0);
  }
});

test('on a chip the table has the tokens a second of its clock, the same in all repetitions', async () => {
  const args = ['--target', 'jade', '--chip', 'jade-nano', '-p', '0', '-n', '2', '-r', '2'];
  const { status, stdout, stderr } = await bench('qwen3-tiny', ...args);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\| jade jade-nano \| tg2 \| [\d.]+ ± [\d.]+ \| [\d.]+ ± 0\.00 \|/);
});

test('absurd tests are refused before a weight is read', async () => {
  assert.match((await bench('qwen3-tiny', '-p', '0', '-n', '0')).stderr, /there must be a test/);
  assert.match((await bench('qwen3-tiny', '-p', '99999')).stderr, /at most \d+ tokens of context/);
  assert.match((await bench('qwen3-tiny', '-p', '4,4')).stderr, /Each number must be there once/);
});
