/** celadon serve as a process: its first line, an answer, and its end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';

const MAIN = path.join(import.meta.dirname, 'main.ts');

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, 'serve', 'qwen3-tiny', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  return child;
}

test('serve tells where it listens, answers, and ends on SIGTERM', async (t) => {
  const child = start('--json', '--threads', '1', '--context', '64', '--draft', 'lookup');
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [string];
  const { url, ...told } = JSON.parse(line) as { url: string };
  assert.deepEqual(told, { model: 'qwen3-tiny', target: 'cpu', chip: null, contextTokens: 64 });
  assert.equal((await fetch(`${url}/health`)).status, 200);
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: '床前', max_tokens: 2 }),
  });
  const { choices, system_fingerprint: fingerprint } = (await answer.json()) as {
    choices: { finish_reason: string }[];
    system_fingerprint: string;
  };
  assert.equal(choices[0]!.finish_reason, 'length');
  assert.match(fingerprint, /^celadon-.*-cpu$/);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('serve refuses to be reached by others without a key', async () => {
  const child = start('--host', '0.0.0.0');
  const [told] = (await once(child.stderr, 'data')) as [string];
  assert.match(told, /must have a key, and 0\.0\.0\.0 is not loopback/);
  assert.deepEqual(await once(child, 'exit'), [2, null]);
});
