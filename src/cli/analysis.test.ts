import assert from 'node:assert/strict';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';

const FLASH = [
  'compare',
  'deepseek-v4-flash',
  '--workload',
  'input=1024,output=1024,concurrency=64',
];

test('compare shows chips side by side, with a roofline and sources', async () => {
  const { status, stdout, stderr } = await celadon(
    ...FLASH,
    '--chips',
    'nvidia-h20,huawei-ascend-910c',
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /weights +mxfp4, multiplied in bf16 +bf16/);
  assert.match(stdout, /predicted TPOT, ms +[\d.]+ +[\d.]+\n/);
  assert.match(stdout, /operations a byte/);
  const { chips } = JSON.parse((await celadon(...FLASH, '--chips', 'nvidia-h20', '--json')).stdout);
  assert.equal(chips[0].decode.limitedBy, 'memory');
});

test('compare refuses unknown chips, chips twice and workloads that are none', async () => {
  const unknown = await celadon(...FLASH, '--chips', 'nvidia-h21');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /did you mean nvidia-h20\?/);
  assert.equal((await celadon(...FLASH, '--chips', 'nvidia-h20,nvidia-h20')).status, 2);
  const workload = await celadon(
    'compare',
    'qwen3-4b',
    '--chips',
    'nvidia-h20',
    '--workload',
    'input=0',
  );
  assert.equal(workload.status, 2);
  assert.match(workload.stderr, /input must be a whole number from 1, not 0/);
});

test('parity by year as JSON, with answers and assumptions', async () => {
  const { status, stdout, stderr } = await celadon('parity', '--json');
  assert.equal(status, 0, stderr);
  const { cells, answers, assumptions } = JSON.parse(stdout);
  assert.deepEqual(
    [...new Set(cells.map(({ year }: { year: number }) => year))],
    [2025, 2026, 2027, 2028],
  );
  assert.equal(answers.length, 3);
  assert.ok(assumptions.every(({ source }: { source: string }) => source !== ''));
});
