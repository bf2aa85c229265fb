// Downloads from a hub on this machine that breaks connections, lies, and redirects.
import assert from 'node:assert/strict';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { Random } from '../src/base/index.ts';
import { downloadModel, loadModel, type DownloadOptions } from '../src/model/index.ts';
import { COMMIT, HubServer, REPOSITORY, type Faults } from './hub/server.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-download-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

const random = new Random(3);
const WEIGHTS = Buffer.from(Uint8Array.from({ length: 100_000 }, () => random.int(256)));
const FILES = {
  'config.json': '{"model_type":"qwen3"}',
  'tokenizer.json': '{}',
  'README.md': 'not needed',
  'pytorch_model.bin': 'not needed',
  'model.safetensors': WEIGHTS,
};
const SHARDED = {
  'config.json': '{}',
  'model.safetensors.index.json': JSON.stringify({
    weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' },
  }),
  'model-1.safetensors': WEIGHTS.subarray(0, 500),
  'model-2.safetensors': WEIGHTS.subarray(500, 900),
  'consolidated.safetensors': 'not needed',
};

let homes = 0;
function newHome(): string {
  return path.join(scratch, String(homes++));
}

interface Setting {
  readonly home?: string;
  readonly name?: string;
  readonly environment?: Record<string, string>;
  readonly partBytes?: number;
}

function get(
  server: HubServer,
  setting: Setting = {},
  more: Partial<DownloadOptions> = {},
): Promise<string> {
  const {
    home = newHome(),
    name = `hf:${REPOSITORY}`,
    environment = {},
    partBytes = 30_000,
  } = setting;
  return downloadModel(name, {
    environment: {
      HF_ENDPOINT: server.endpoint,
      MODELSCOPE_ENDPOINT: server.endpoint,
      MODELSCOPE_CACHE: path.join(home, 'ms'),
      HF_HOME: home,
      ...environment,
    },
    parts: { partBytes, connections: 3 },
    idleSeconds: 5,
    retrySeconds: 0.001,
    ...more,
  });
}

/** What is in a folder: the content of each file by its name. */
function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    fs
      .readdirSync(folder)
      .map((name) => [name, fs.readFileSync(path.join(folder, name), 'latin1')]),
  );
}

const NEEDED = Object.fromEntries(
  (['config.json', 'tokenizer.json', 'model.safetensors'] as const).map((name) => [
    name,
    Buffer.from(FILES[name]).toString('latin1'),
  ]),
);

test('the files that are needed are there afterwards, in the layout of huggingface_hub', async () => {
  await using server = await HubServer.start(FILES);
  const home = newHome();
  const told: [number, number][] = [];
  const folder = await get(server, { home }, { onProgress: (...pair) => told.push(pair) });
  const model = path.join(home, 'hub', 'models--Org--Model-1.5');
  assert.equal(folder, path.join(model, 'snapshots', COMMIT));
  assert.deepEqual(contentOf(folder), NEEDED);
  assert.equal(fs.readFileSync(path.join(model, 'refs/main'), 'utf8'), COMMIT);
  const link = fs.readlinkSync(path.join(folder, 'config.json'));
  assert.match(link, /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
  assert.equal(fs.readdirSync(path.join(model, 'blobs')).length, 3, 'nothing else is left');
  assert.deepEqual(fs.readdirSync(model).toSorted(), ['blobs', 'refs', 'snapshots']);
  assert.deepEqual(told.at(-1), [told[0]![1], told[0]![1]]);
  const ranges = server.contentRequests.filter(({ url }) => url.endsWith('model.safetensors'));
  assert.equal(ranges.length, 4, 'parts of 30,000 bytes');
});

test('what is there is not asked for again; a commit that is there asks for nothing', async () => {
  await using server = await HubServer.start(FILES);
  const home = newHome();
  await get(server, { home });
  const before = server.requests.length;
  await get(server, { home });
  assert.equal(server.requests.length, before + 1, 'the list alone');
  await get(server, { home, name: `hf:${REPOSITORY}@${COMMIT}` });
  assert.equal(server.requests.length, before + 1);
});

test('without a connection, what was downloaded before is taken; offline, nothing is asked', async () => {
  const home = newHome();
  const server = await HubServer.start(FILES);
  const folder = await get(server, { home });
  const { endpoint } = server;
  await server[Symbol.asyncDispose]();
  const notes: string[] = [];
  const environment = { HF_ENDPOINT: endpoint };
  const again = await downloadModel(`hf:${REPOSITORY}`, {
    environment: { ...environment, HF_HOME: home },
    retrySeconds: 0.001,
    onNote: (note) => notes.push(note),
  });
  assert.equal(again, folder);
  assert.match(notes[0]!, /^no connection to/);
  const offline = { HF_HOME: home, HF_HUB_OFFLINE: '1' };
  assert.equal(await downloadModel(`hf:${REPOSITORY}`, { environment: offline }), folder);
  await assert.rejects(downloadModel('hf:Org/Other', { environment: offline }), {
    name: 'UsageError',
  });
  fs.rmSync(path.join(folder, 'model.safetensors'));
  await assert.rejects(downloadModel(`hf:${REPOSITORY}`, { environment: offline }), {
    message: 'the model must be on this machine, as HF_HUB_OFFLINE is set',
  });
});

test('shards are those that the index names', async () => {
  await using server = await HubServer.start(SHARDED);
  const { 'consolidated.safetensors': _, ...needed } = SHARDED;
  const names = Object.keys(contentOf(await get(server)));
  assert.deepEqual(names.toSorted(), Object.keys(needed).toSorted());
});

test('one GGUF file by its name, or all the parts of a split one', async () => {
  await using server = await HubServer.start({
    'q4/a.gguf': 'one',
    'b-00001-of-00002.gguf': 'first',
    'b-00002-of-00002.gguf': 'second',
  });
  const file = await get(server, { name: `hf:${REPOSITORY}/q4/a.gguf` });
  assert.ok(file.endsWith('/q4/a.gguf'));
  assert.equal(fs.readFileSync(file, 'utf8'), 'one');
  const split = await get(server, { name: `hf:${REPOSITORY}@main/b-00001-of-00002.gguf` });
  assert.equal(Object.keys(contentOf(path.dirname(split))).length, 2);
  await assert.rejects(get(server, { name: `hf:${REPOSITORY}/c.gguf` }), {
    name: 'UsageError',
    hint: 'it has q4/a.gguf, b-00001-of-00002.gguf, b-00002-of-00002.gguf',
  });
  await assert.rejects(get(server), {
    name: 'UnsupportedError',
    hint: /^name a file of it: q4\/a.gguf/,
  });
});

test('ModelScope', async () => {
  await using server = await HubServer.start(FILES);
  const home = newHome();
  const folder = await get(server, { home, name: `ms:${REPOSITORY}` });
  assert.deepEqual(contentOf(folder), NEEDED);
  assert.ok(folder.startsWith(path.join(home, 'ms')));
});

const PASSING: Record<string, Faults> = {
  'connections that break': { breakAfter: (answer) => [7000, 1, 0, -1][answer % 4]! },
  'a server that is busy': {
    status: (answer) => (answer % 2 === 0 ? [429, 503][(answer / 2) % 2] : undefined),
  },
  'a server without ranges': { ignoreRanges: true },
  'a server without ranges that breaks': {
    ignoreRanges: true,
    breakAfter: (answer) => (answer % 2 === 0 ? 65_000 : -1),
  },
  'wrong bytes, once': {
    content: (_, content, answer) => (answer === 2 ? Buffer.alloc(content.length) : content),
  },
  'a longer content than it says': {
    content: (_, content) => Buffer.concat([content, content]),
    ignoreRanges: true,
  },
};

for (const [what, faults] of Object.entries(PASSING)) {
  test(`the content is right after ${what}`, async () => {
    await using server = await HubServer.start(FILES);
    server.faults = faults;
    assert.deepEqual(contentOf(await get(server)), NEEDED);
  });
}

test('a connection that falls silent is given up, and taken up again', async () => {
  await using server = await HubServer.start(FILES);
  server.faults = { hang: (answer) => answer === 3 };
  assert.deepEqual(contentOf(await get(server, {}, { idleSeconds: 0.3 })), NEEDED);
});

const LASTING: Record<string, [Faults, object]> = {
  'wrong bytes': [
    { content: (_, content) => Buffer.alloc(content.length) },
    { name: 'FormatError', message: /checksum/ },
  ],
  'a shorter content': [
    { content: (_, content) => content.subarray(0, -1) },
    { message: /^the range must be from 0 of \d+ bytes/ },
  ],
  'ranges of another file': [{ contentRange: 'bytes 0-9/10' }, { message: /not "bytes 0-9\/10"$/ }],
  refusal: [{ status: () => 403 }, { name: 'UsageError', hint: /HF_TOKEN/ }],
  'failure for good': [{ status: () => 500 }, { message: 'the hub must answer, and says 500' }],
  'redirects without end': [{ redirectTo: () => '' }, { message: /at most 5 redirects/ }],
};

for (const [what, [faults, expected]] of Object.entries(LASTING)) {
  test(`${what}: the download fails, and nothing wrong is ever in place`, async () => {
    await using server = await HubServer.start(FILES);
    server.faults = faults;
    const home = newHome();
    await assert.rejects(get(server, { home }), expected);
    const blobs = path.join(home, 'hub', 'models--Org--Model-1.5', 'blobs');
    const names = fs.existsSync(blobs) ? fs.readdirSync(blobs) : [];
    assert.deepEqual(
      names.filter((name) => !name.includes('.celadon.incomplete')),
      [],
    );
    server.faults = {};
    assert.deepEqual(contentOf(await get(server, { home })), NEEDED);
  });
}

test('the token goes to the hub, and not where the hub redirects to', async () => {
  await using other = await HubServer.start(FILES);
  await using server = await HubServer.start(FILES);
  server.faults = { redirectTo: () => other.endpoint };
  const environment = { HF_TOKEN: 'hf_secret' };
  assert.deepEqual(contentOf(await get(server, { environment })), NEEDED);
  assert.ok(server.requests.every(({ authorization }) => authorization === 'Bearer hf_secret'));
  assert.ok(other.requests.length > 0);
  assert.ok(other.requests.every(({ authorization }) => authorization === undefined));
});

test('the token of a login is used, and none goes to a hub without encryption or to ModelScope', async () => {
  await using server = await HubServer.start(FILES);
  const home = newHome();
  fs.mkdirSync(home, { recursive: true });
  fs.writeFileSync(path.join(home, 'token'), 'hf_file\n');
  await get(server, { home });
  assert.ok(server.requests.every(({ authorization }) => authorization === 'Bearer hf_file'));
  server.requests.length = 0;
  await get(server, { home, name: `modelscope:${REPOSITORY}` });
  assert.ok(server.requests.every(({ authorization }) => authorization === undefined));
  await assert.rejects(get(server, { home, environment: { HF_ENDPOINT: 'http://example.com' } }), {
    message: 'a token must go over https, not to http://example.com',
  });
});

test('a model that is not there, and names that are none', async () => {
  await using server = await HubServer.start(FILES);
  await assert.rejects(get(server, { name: 'hf:Org/Model-1.5@main/../x.gguf' }), {
    name: 'UsageError',
  });
  for (const name of ['hf:', 'hf:Qwen', 'hf:a/b/c', 'ms:a/../b', 'hf:a/b@', 'hf:../b']) {
    await assert.rejects(get(server, { name }), { name: 'UsageError', where: '<model>' }, name);
  }
  server.files = new Map([['../../evil', Buffer.from('x')]]);
  await assert.rejects(get(server), { name: 'FormatError' });
});

test('a download that was killed goes on where it was, and nothing half-written is in place', async () => {
  await using server = await HubServer.start(FILES);
  // Enough answers for config, tokenizer and two parts of the weights; then the server falls silent.
  server.faults = { hang: (answer) => answer >= 4 };
  const home = newHome();
  const environment = { HF_HOME: home, HF_ENDPOINT: server.endpoint };
  const child = fork(path.join(import.meta.dirname, 'hub/downloadOne.ts'), [REPOSITORY], {
    env: { ...process.env, ...environment },
  });
  while (server.contentRequests.length < 6) await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const blobs = path.join(home, 'hub', 'models--Org--Model-1.5', 'blobs');
  const incomplete = fs.readdirSync(blobs).filter((name) => name.endsWith('.incomplete'));
  assert.equal(incomplete.length, 1);
  assert.ok(!fs.existsSync(path.join(blobs, '../snapshots', COMMIT, 'model.safetensors')));
  server.faults = {};
  server.requests.length = 0;
  assert.deepEqual(contentOf(await get(server, { home })), NEEDED);
  assert.equal(server.contentRequests.length, 2, 'two of four parts were there');
});

test('two downloads at once do not disturb each other', async () => {
  await using server = await HubServer.start(FILES);
  const home = newHome();
  const notes: string[] = [];
  const both = [1, 2].map(() => get(server, { home }, { onNote: (note) => notes.push(note) }));
  const [one, other] = await Promise.all(both);
  assert.equal(one, other);
  assert.deepEqual(contentOf(one!), NEEDED);
  assert.deepEqual(notes, ['waiting for another download of this model']);
  assert.equal(server.contentRequests.length, 6, 'each part once');
});

test('a model that was downloaded is opened by its own name', async () => {
  const folder = path.join(import.meta.dirname, '../models/qwen3-tiny');
  const names = fs
    .readdirSync(folder)
    .filter((name) => !fs.statSync(path.join(folder, name)).isDirectory());
  await using server = await HubServer.start(
    Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(folder, name))])),
  );
  const model = loadModel(await get(server, { partBytes: 2 ** 20 }));
  assert.equal(model.name, 'Model-1.5');
  assert.ok(model.tokenizer.encode('春').length > 0);
});

test('the command line takes a model of a hub wherever it takes one', async () => {
  await using server = await HubServer.start({
    'config.json': '{"model_type":"none"}',
    'model.safetensors': '',
  });
  const main = path.join(import.meta.dirname, '../src/cli/main.ts');
  const env = { ...process.env, HF_ENDPOINT: server.endpoint, HF_HOME: newHome() };
  const run = promisify(execFile)(process.execPath, [main, 'inspect', `hf:${REPOSITORY}`], { env });
  await assert.rejects(run, ({ stderr }) => {
    assert.match(stderr, /^downloaded to .*snapshots/);
    assert.match(stderr, /error: a safetensors file/);
    return true;
  });
});
