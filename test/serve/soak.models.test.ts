/**
 * celadon serve at saturation for five minutes, an hour with CELADON_NIGHTLY=1: more clients than places, some of
 * whom leave. No request is stuck, nothing stays behind, memory does not grow, and the slowest do not get slower.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/base/index.ts';
import { countOf } from '../verify/chips.ts';

const MAIN = path.join(import.meta.dirname, '../../src/cli/main.ts');
const SECONDS = countOf(300, 3600);
const CLIENTS = 24;
const SAMPLE_SECONDS = 5;
/** Longer than any request takes, even on a busy machine. */
const STUCK_MS = 120_000;

/** What was seen from one sample to the next. */
interface Sample {
  readonly residentBytes: number;
  /** Of requests that were answered to their end. */
  readonly latencySeconds: readonly number[];
}

async function startServer(): Promise<{ child: ChildProcess; url: string }> {
  const args = ['serve', 'qwen3-tiny', '--port', '0', '--json', '--max-sequences', '16'];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8');
  const [line] = (await once(child.stdout, 'data')) as [string];
  return { child, url: (JSON.parse(line) as { url: string }).url };
}

/** One request after another until the time is over; beginnings are shared, lengths differ, one in four is left. */
async function beClient(
  url: string,
  seed: number,
  end: number,
  latencies: number[],
): Promise<number> {
  const random = new Random(seed);
  let count = 0;
  for (; performance.now() < end; count++) {
    const leaves = random.int(4) === 0;
    const start = performance.now();
    await ask(url, random, leaves);
    if (!leaves) latencies.push((performance.now() - start) / 1000);
  }
  return count;
}

async function ask(url: string, random: Random, leaves: boolean): Promise<void> {
  const prompt = `${'From the river to the garden, '.repeat(1 + random.int(4))}${random.int(1000)}`;
  const limits = [AbortSignal.timeout(STUCK_MS)];
  const own = new AbortController();
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt, max_tokens: 1 + random.int(48), stream: true, temperature: 0 }),
    signal: AbortSignal.any([own.signal, ...limits]),
  });
  assert.equal(response.status, 200);
  const reader = response.body!.getReader();
  for (let chunks = 0; !(await reader.read()).done; chunks++) {
    if (!leaves || chunks < 2) continue;
    own.abort();
    return;
  }
}

function residentBytes(pid: number): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^\\S*${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)![1]);
}

function percentile(values: readonly number[], share: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.floor(share * (ascending.length - 1))]!;
}

const skip = process.platform !== 'linux' && 'resident memory is read from /proc';

test('a saturated server neither grows nor gets slower', { skip }, async (t) => {
  const { child, url } = await startServer();
  t.after(() => child.kill('SIGKILL'));
  const end = performance.now() + SECONDS * 1000;
  const latencies: number[] = [];
  const clients = Array.from({ length: CLIENTS }, (_, i) => beClient(url, i + 1, end, latencies));
  const samples: Sample[] = [];
  while (performance.now() < end) {
    await sleep(SAMPLE_SECONDS * 1000);
    samples.push({ residentBytes: residentBytes(child.pid!), latencySeconds: latencies.splice(0) });
  }
  const requests = (await Promise.all(clients)).reduce((a, b) => a + b, 0);
  const third = Math.floor(samples.length / 3);
  const [, middle, last] = [0, 1, 2].map((i) => samples.slice(i * third, (i + 1) * third));
  const memory = [middle!, last!].map((of) =>
    percentile(
      of.map((s) => s.residentBytes),
      0.5,
    ),
  );
  const slowest = [middle!, last!].map((of) =>
    percentile(
      of.flatMap((s) => s.latencySeconds),
      0.99,
    ),
  );
  t.diagnostic(
    `${requests} requests in ${SECONDS} s, resident MB ${memory.map((x) => (x / 1e6).toFixed(0))}`,
  );
  t.diagnostic(`p99 seconds ${slowest.map((x) => x.toFixed(2))}`);
  assert.ok(requests > CLIENTS * 4, 'each client was answered many times');
  assert.ok(memory[1]! < 1.1 * memory[0]!, `memory grew from ${memory[0]} to ${memory[1]} bytes`);
  // Others share the machine: what does not stop getting slower passes any limit.
  assert.ok(slowest[1]! < 3 * slowest[0]!, `p99 went from ${slowest[0]} to ${slowest[1]} s`);
  await sleep(2000); // those who left last are noticed after a step
  for (const name of ['num_requests_running', 'num_requests_waiting']) {
    assert.equal(await metric(url, name), 0, name);
  }
});
