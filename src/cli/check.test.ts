import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';

const MODELS = path.join(import.meta.dirname, '../../catalogue/models');

const check = (...args: string[]) => celadon('check', ...args);

function folder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-check-'));
}

test('check says what falls back and what fits, with sources; the exit code is the verdict', async () => {
  const given = ['deepseek-v4-flash', '--chip', 'huawei-ascend-910b4', '--count', '8'];
  const { status, stdout } = await check(...given, '--precision', 'w8a8');
  assert.equal(status, 4);
  assert.match(stdout, /^deepseek-v4-flash on huawei-ascend-910b4\n\ndoes not fit by vllm-ascend/);
  assert.match(stdout, /What fits: --precision w4a8 on these 8; w8a8 on 16 chips\./);
  const json = JSON.parse((await check(...given, '--precision', 'w4a8', '--json')).stdout);
  assert.equal(json.verdict, 'experimental');
  assert.deepEqual(json.layout, { tp: 8, pp: 1, dp: 1, ep: 8 });
  assert.ok(json.findings.some(({ url }: { url: string | null }) => url?.startsWith('https://')));
  assert.equal((await check('qwen3.5-4b', '--chip', 'huawei-ascend-310p3')).status, 3);
});

test('a config.json by itself is enough, and so is a folder with nothing else', async () => {
  const own = path.join(folder(), 'own');
  fs.mkdirSync(own);
  fs.copyFileSync(path.join(MODELS, 'qwen3-4b.json'), path.join(own, 'config.json'));
  for (const model of [own, path.join(own, 'config.json')]) {
    const { status, stdout, stderr } = await check(model, '--chip', 'nvidia-h20', '--json');
    assert.equal(status, 0, stderr);
    const { model: name, verdict, count } = JSON.parse(stdout);
    assert.deepEqual({ name, verdict, count }, { name: 'own', verdict: 'runs', count: 1 });
  }
});

test('chips of ours are asked themselves: operators without a lowering, and fit', async () => {
  const small = JSON.parse(
    (await check('qwen3-tiny', '--chip', 'jade-nano', '--context', '64', '--json')).stdout,
  );
  assert.equal(small.verdict, 'runs');
  const large = await check('deepseek-v4-flash', '--chip', 'jade-edge');
  assert.equal(large.status, 4);
});

test('one model on the chips of a stack, best first by nothing but the catalogue', async () => {
  const { status, stdout } = await check('deepseek-v4-flash', '--stack', 'vllm', '--format', 'csv');
  assert.equal(status, 0);
  const rows = stdout
    .trim()
    .split('\r\n')
    .map((line) => line.split(','));
  assert.deepEqual(rows[0], ['chip', 'verdict', 'stack', 'chips', 'layout']);
  assert.equal(rows.find(([chip]) => chip === 'nvidia-a100-sxm-80g')![1], 'unsupported');
  assert.equal(rows.find(([chip]) => chip === 'nvidia-b200')![1], 'runs');
});

test('--all: a matrix of all models on all chips, and a page for each pair that it links to', async () => {
  const out = folder();
  const { status, stderr } = await check('--all', '--format', 'html', '-o', out);
  assert.equal(status, 0, stderr);
  const index = fs.readFileSync(path.join(out, 'index.html'), 'utf8');
  const links = [...index.matchAll(/href="([^"]+)"/g)].map(([, href]) => href!);
  assert.equal(links.length, 36 * 78);
  assert.equal(new Set(links).size, links.length);
  assert.deepEqual(
    links.filter((link) => !fs.existsSync(path.join(out, link))),
    [],
  );
  const page = fs.readFileSync(
    path.join(out, 'deepseek-v4-flash--huawei-ascend-910c.html'),
    'utf8',
  );
  assert.match(page, /no mxfp4 in the matrix units; become bf16 when loaded/);
});
