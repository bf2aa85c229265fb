import assert from 'node:assert/strict';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';

const chips = (...args: string[]) => celadon('chips', ...args);

test('chips lists what is known, filtered and sorted, and says what has no rank', async () => {
  const { status, stdout, stderr } = await chips(
    '--country',
    'cn',
    '--sort',
    'tpp',
    '--rules',
    '2026-03-01',
  );
  assert.equal(status, 0, stderr);
  const lines = stdout.split('\n');
  assert.match(lines[0]!, /^chip +maker +status +TPP +PD +BF16/);
  assert.match(lines[1]!, /^huawei-ascend-970 .* 32000 +\? .* 3A090\.a$/);
  assert.doesNotMatch(stdout, /nvidia-/);
  assert.match(stdout, /not ranked, as tpp is not published: \d+ at the end/);
  assert.match(stdout, /US rules on 2026-03-01\. An estimate, no legal advice/);
});

test('a page shows values with confidence, the arithmetic of its class, rules and sources', async () => {
  const { status, stdout, stderr } = await chips('nvidia-h20');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^NVIDIA H20 96GB {2}gpu, US, discontinued/);
  assert.match(stdout, /peak bf16 +148 Tops\/s dense +official/);
  assert.match(stdout, /TPP 148 Tops\/s × 16 bits \(bf16\) = 2368/);
  assert.match(stdout, /PD 2368 \/ \d+ mm² = 2\.91/);
  assert.match(stdout, /3A090\.b: not met · .*88 FR 73458; recalled, not read again/);
  assert.match(stdout, /Sources, of 2026-11-23\n.*\n {4}https:/);
});

test('chips --json is an array with what follows from the facts', async () => {
  const { stdout } = await chips(
    'huawei-ascend-910c',
    'metax-c500',
    '--json',
    '--rules',
    '2026-02-01',
  );
  const [ascend, c500] = JSON.parse(stdout) as Record<string, unknown>[];
  const keys = ['id', 'name', 'vendor', 'class', 'tpp', 'performanceDensity', 'exportClass'];
  for (const key of keys) assert.ok(key in ascend!, key);
  assert.equal(Math.round(ascend!['tpp'] as number), 11_325);
  assert.equal(ascend!['exportClass'], '3A090.a');
  assert.deepEqual(
    [c500!['exportClass'], c500!['exportOpen'], c500!['performanceDensity']],
    ['unknown', ['3A090.a', '3A090.b'], null],
  );
});

test('wrong ids, days and keys are usage errors', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['ascend-910c'], /one of the 78 in the catalogue.*\n.*\n.*huawei-ascend-910c/],
    [['--rules', '2026-02-31'], /must be a day/],
    [['--sort', 'speed'], /must be one of id, tpp/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await chips(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
});
