import assert from 'node:assert/strict';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';

interface Report {
  readonly plans: readonly {
    readonly layout: { tp: number; pp: number; dp: number; ep: number };
    readonly batch: number;
    readonly ttftMs: number;
    readonly tpotMs: number;
    readonly tokensPerSecondPerChip: number;
    readonly memoryBytes: number;
    readonly limitedBy: string;
    readonly provenance: readonly string[];
  }[];
  readonly rejected: readonly { readonly reason: string }[];
}

const WORKLOAD = ['--workload', 'input=4096,output=256,concurrency=64'];

test('plan gives the best layouts first, and says why others are out', async () => {
  const { status, stdout } = await celadon(
    ...['plan', 'deepseek-v4-flash', '--chip', 'huawei-ascend-910c', '--count', '16'],
    ...[...WORKLOAD, '--json'],
  );
  assert.equal(status, 0);
  const { plans, rejected } = JSON.parse(stdout) as Report;
  assert.ok(plans.length > 1);
  const rates = plans.map(({ tokensPerSecondPerChip }) => tokensPerSecondPerChip);
  assert.deepEqual(
    rates,
    rates.toSorted((a, b) => b - a),
  );
  for (const { layout, ttftMs, tpotMs, memoryBytes, limitedBy, provenance } of plans) {
    assert.ok(layout.tp * layout.pp * layout.dp <= 32);
    assert.ok(ttftMs > tpotMs && tpotMs > 1 && memoryBytes < 64 * 2 ** 30);
    assert.match(limitedBy, /memory|arithmetic|launches|links/);
    assert.ok(provenance.some((line) => line.startsWith('http')));
  }
  assert.ok(rejected.some(({ reason }) => /GiB a die for one sequence/.test(reason)));
});

test('a fixed layout has the concurrency of its replica, in Markdown and CSV too', async () => {
  const fixed = ['plan', 'qwen3-32b', '--chip', 'nvidia-h100-sxm', '--count', '4'];
  const layout = ['--layout', 'tp=2', '--precision', 'fp8', ...WORKLOAD];
  const { plans } = JSON.parse((await celadon(...fixed, ...layout, '--json')).stdout) as Report;
  assert.equal(plans.length, 1);
  assert.equal(plans[0]!.batch, 32);
  assert.match((await celadon(...fixed, ...layout, '--format', 'md')).stdout, /^\| layout \|/);
  assert.match((await celadon(...fixed, ...layout, '--format', 'csv')).stdout, /^layout,replicas/);
});

test('what cannot be met ends with the closest plan and the limit that it misses', async () => {
  const asked = ['plan', 'qwen3-32b', '--chip', 'nvidia-h20', '--count', '2', ...WORKLOAD];
  const missed = await celadon(...asked, '--tpot', '2');
  assert.equal(missed.status, 4);
  assert.match(missed.stderr, /tpot must be at most 2\.0 ms, and the closest plan has \d+\.\d ms/);
  assert.match(missed.stdout, /tpot × \d/);
  const nothing = await celadon(
    'plan',
    'deepseek-v3',
    '--chip',
    'nvidia-h20',
    '--count',
    '2',
    ...WORKLOAD,
  );
  assert.equal(nothing.status, 4);
  assert.match(nothing.stderr, /needs [\d.]+ GiB a chip for one sequence, has 96\.0 GiB/);
});

test('what is asked wrongly is refused with what to do', async () => {
  const asked = (...args: string[]) => celadon('plan', 'qwen3-32b', '--count', '2', ...args);
  const chip = await asked('--chip', 'huawei-ascend-910d', ...WORKLOAD);
  assert.equal(chip.status, 2);
  assert.match(chip.stderr, /did you mean huawei-ascend-910c\?/);
  assert.match(
    (await asked('--chip', 'nvidia-h20', '--workload', 'input=5')).stderr,
    /must have output/,
  );
  assert.match(
    (await asked('--chip', 'nvidia-h20', '--workload', 'inptu=5')).stderr,
    /Did you mean input\?/,
  );
  const layout = await asked('--chip', 'nvidia-h20', ...WORKLOAD, '--layout', 'tp=2,ep=4');
  assert.match(layout.stderr, /ep must divide tp·dp = 2/);
  const unknown = await asked('--chip', 'cambricon-mlu690', ...WORKLOAD);
  assert.equal(unknown.status, 3);
  assert.match(unknown.stderr, /must be published/);
});

test('training: the fastest layouts that fit, and the hours of the budget', async () => {
  const asked = ['plan', 'deepseek-v3', '--chip', 'nvidia-h800-sxm', '--count', '2048'];
  const { status, stdout } = await celadon(
    ...asked,
    '--training',
    'tokens=14.8e12,batch=15360',
    '--json',
  );
  assert.equal(status, 0);
  const { plans } = JSON.parse(stdout) as {
    plans: { seconds: number; chipHours: number; memoryBytes: number; limitedBy: string }[];
  };
  assert.ok(plans.length > 1 && plans[0]!.seconds <= plans[1]!.seconds);
  for (const { chipHours, memoryBytes } of plans) {
    assert.ok(chipHours > 1e6 && chipHours < 3e6 && memoryBytes <= 80 * 2 ** 30);
  }
  const few = await celadon(...asked.slice(0, 5), '8', '--training', 'tokens=1e12,batch=1024');
  assert.equal(few.status, 4);
  assert.match(few.stderr, /everything recomputed, has 80\.0 GiB/);
});

test('two pools: streams are sent to them, and what is of one pool is refused', async () => {
  const pools = ['plan', 'qwen3-32b', '--chip', 'nvidia-h200-sxm', '--count', '2'];
  const asked = (...more: string[]) => celadon(...pools, ...WORKLOAD, ...more);
  assert.match(
    (await asked('--decode-count', '2', '--rate', '2')).stdout,
    /2000 requests on the best plan/,
  );
  assert.match(
    (await asked('--decode-count', '2', '--layout', 'tp=2')).stderr,
    /--layout is of one pool/,
  );
  assert.match(
    (await asked('--decode-chip', 'nvidia-h20')).stderr,
    /--decode-chip needs a number of them/,
  );
});
