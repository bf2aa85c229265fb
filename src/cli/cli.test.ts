// The command line as people and scripts use it: a process with arguments, two streams, an exit code.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';
import { decodeNpy } from '../base/index.ts';
import { loadChip } from '../chip/index.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const GOLDEN = path.join(import.meta.dirname, '../../models/deepseek-v3-tiny/golden.json');
const shortest = JSON.parse(fs.readFileSync(GOLDEN, 'utf8')).cases[5];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-cli-'));
after(() => fs.rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

function write(name: string, text: string): string {
  fs.writeFileSync(at(name), text);
  return at(name);
}

async function json(...args: string[]) {
  const { status, stdout, stderr } = await celadon(...args, '--json');
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trimEnd().split('\n').length, 1, 'one object on one line');
  return JSON.parse(stdout);
}

test('run --json gives the tokens of the original framework, with everything the contract names', async () => {
  const out = await json(
    'run',
    'deepseek-v3-tiny',
    '-p',
    shortest.prompt,
    '--target',
    'reference',
    '-n',
    '40',
  );
  assert.deepEqual(out.promptTokens, shortest.promptTokens);
  assert.deepEqual(out.tokens, shortest.greedyTokens);
  assert.equal(out.text, shortest.text);
  assert.equal(out.finishReason, 'stop');
  assert.deepEqual(
    [out.model, out.target, out.chip, out.cycles],
    ['deepseek-v3-tiny', 'reference', null, null],
  );
  assert.ok(out.timings.decodeTokensPerSecond > 0);
});

test('without --json the text alone is on stdout, and what is beside it on stderr', async () => {
  const args = [
    'run',
    'qwen3-tiny',
    '--chat',
    '-p',
    '以《春夜》为题，写一首五言绝句。',
    '--target',
    'reference',
  ];
  const { status, stdout, stderr } = await celadon(...args);
  assert.equal(status, 0);
  assert.match(stdout, /^[\p{Script=Han}，。]+\n$/u);
  assert.match(stderr, /^prompt 24 tokens .* ended by stop\n$/);
  assert.equal((await celadon(...args, '--quiet')).stderr, '');
  const { message } = await json(...args);
  assert.deepEqual(message, { role: 'assistant', content: stdout.trimEnd() });
});

test('a chip gives the tokens of its numeric definition, cycles, and a trace', async () => {
  const trace = at('trace.json');
  const args = ['run', 'qwen3-tiny', '-p', shortest.prompt, '-n', '4', '--chip', 'jade-nano'];
  const chip = await json(...args, '--target', 'jade', '--trace', trace);
  const definition = await json(...args, '--target', 'reference');
  assert.deepEqual(chip.tokens, definition.tokens);
  assert.equal(chip.chip, 'jade-nano');
  assert.ok(
    Number.isInteger(chip.cycles) && chip.cycles === chip.prefillCycles + chip.decodeCycles,
  );
  const { traceEvents } = JSON.parse(fs.readFileSync(trace, 'utf8'));
  const names = traceEvents.filter((event: { ph: string }) => event.ph === 'M');
  assert.ok(names.some((event: { args: { name: string } }) => event.args.name === 'matrix'));
});

test('a trace of the cpu has its kernels, on the track of a thread', async () => {
  const trace = at('cpuTrace.json');
  const args = ['run', 'qwen3-tiny', '-p', shortest.prompt, '-n', '2', '--threads', '1'];
  const { tokens } = await json(...args);
  assert.deepEqual((await json(...args, '--trace', trace)).tokens, tokens);
  const { traceEvents } = JSON.parse(fs.readFileSync(trace, 'utf8'));
  const track = traceEvents.find(({ name }: { name: string }) => name === 'thread_name');
  assert.equal(track.args.name, 'cpu thread 1');
  const heads = traceEvents.filter(
    ({ ph, name, cat }: Record<string, string>) =>
      ph === 'X' && name!.startsWith('linear') && cat!.includes('lm_head'),
  );
  assert.ok(heads.length > 0 && heads.every(({ dur }: { dur: number }) => dur >= 0));
});

test('the same seed gives the same text', async () => {
  const args = ['run', 'qwen3-tiny', '-p', shortest.prompt, '--target', 'reference', '-n', '8'];
  const sampled = [...args, '--temperature', '1.5', '--seed', '3'];
  const { tokens } = await json(...sampled);
  assert.deepEqual((await json(...sampled)).tokens, tokens);
  assert.notDeepEqual((await json(...args)).tokens, tokens);
});

test('eval gives the loss of given tokens, and a row of logits for each', async () => {
  const ids = [...shortest.promptTokens, ...shortest.greedyTokens];
  const tokens = write('tokens.json', JSON.stringify(ids));
  const logits = at('logits.npy');
  const out = await json(
    'eval',
    'deepseek-v3-tiny',
    '--tokens',
    tokens,
    '--logits',
    logits,
    '--target',
    'reference',
  );
  const { shape, data } = decodeNpy(fs.readFileSync(logits), logits);
  assert.equal(out.tokens, ids.length - 1);
  assert.deepEqual(shape, [ids.length, 8192]);
  const row = data.subarray((ids.length - 2) * 8192, (ids.length - 1) * 8192);
  assert.equal(row.indexOf(Math.max(...row)), ids.at(-1));
  assert.ok(Math.abs(out.perplexity - Math.exp(out.negativeLogLikelihood / out.tokens)) < 1e-9);
});

test('eval on a chip writes the very bytes of its numeric definition', async () => {
  const tokens = write('few.json', JSON.stringify([{ tokens: shortest.promptTokens }]));
  const files: Buffer[] = [];
  for (const target of ['jade', 'reference']) {
    const file = at(`${target}.npy`);
    await json(
      'eval',
      'qwen3-tiny',
      '--tokens',
      tokens,
      '--chip',
      'jade-edge',
      '--target',
      target,
      '--logits',
      file,
    );
    files.push(fs.readFileSync(file));
  }
  assert.ok(files[0]!.equals(files[1]!));
});

test('what a multimodal checkpoint has beside its text model is left out, and said so', async () => {
  const model = path.join(import.meta.dirname, '../../test/golden/qwen3.5-pictures');
  const tokens = write('text.json', '[1, 2, 3, 4]');
  const { status, stdout, stderr } = await celadon('eval', model, '--tokens', tokens, '--json');
  assert.equal(status, 0, stderr);
  assert.ok(Number.isFinite((JSON.parse(stdout) as { perplexity: number }).perplexity));
  assert.match(
    stderr,
    /^not used: 21 tensors of the tower that sees pictures; 15 of heads that predict further tokens$/m,
  );
});

test('a failed eval leaves no file behind', async () => {
  const tokens = write('alien.json', '[1, 2, 99999]');
  const { status, stderr } = await celadon(
    'eval',
    'qwen3-tiny',
    '--tokens',
    tokens,
    '--logits',
    at('none.npy'),
    '--target',
    'reference',
  );
  assert.equal(status, 2);
  assert.match(
    stderr,
    /token ids must be whole numbers from 0 to 8191, not 99999\n {2}at: .*alien\.json, document 1, token 2\n/,
  );
  assert.deepEqual(
    fs.readdirSync(folder).filter((name) => name.startsWith('none')),
    [],
  );
});

test('inspect knows catalogue models from their configuration alone', async () => {
  const out = await json('inspect', 'deepseek-v3');
  assert.equal(out.architecture, 'DeepseekV3ForCausalLM');
  assert.equal(Math.round(out.parameters.total / 1e9), 671);
  assert.equal(out.stateBytesPerToken, 70272);
  assert.equal(out.stateBytesPerSequence, 0);
  assert.ok(out.operators.some(({ op }: { op: string }) => op === 'experts'));
});

test('inspect says what is counted', async () => {
  const counted = async (model: string): Promise<string> =>
    (await json('inspect', model)).parameters.counted;
  const text = 'the text model, without heads that predict further tokens';
  const active = 'active are those that one token uses';
  assert.equal(await counted('qwen3-8b'), `${text}; all are active`);
  assert.equal(
    await counted('qwen3-30b-a3b'),
    `${text}; ${active}, with the whole table of embeddings`,
  );
  assert.equal(
    await counted('deepseek-v4-flash'),
    `${text}; ${active}, without the whole table of embeddings`,
  );
  const { stdout } = await celadon('inspect', 'deepseek-v4-flash');
  assert.match(stdout, /^parameters +284 G, 13\.3 G active\ncounted +the text model, without/m);
  assert.match(stdout, /^state +.* a sequence \(recurrent states and sums of compressors in f32/m);
});

test('inspect counts a table of n-grams apart, and the state of Flash-Next', async () => {
  const out = await json('inspect', 'qwen3.8-flash-next');
  const { total, active, ngrams } = out.parameters;
  assert.deepEqual(
    [total, ngrams, active].map((count: number) => Math.round(count / 1e8) / 10),
    [176.9, 51.2, 6.7],
  );
  assert.equal(out.stateBytesPerToken, 27_648);
  assert.equal(out.stateBytesPerSequence, 115_458_048 + 184_320 + 8);
  assert.match(
    (await celadon('inspect', 'qwen3.8-flash-next')).stdout,
    /^parameters .*\(126 G and 51\.2 G of n-grams\), 6\.67 G active\ncounted .*, without the whole table/m,
  );
});

test('inspect of a checkpoint accounts for every stored tensor', async () => {
  const out = await json('inspect', 'deepseek-v3-tiny');
  assert.deepEqual(out.skippedTensors, []);
  assert.deepEqual(
    out.stored.map(({ format }: { format: string }) => format),
    ['BF16', 'F8_E4M3', 'F32'],
  );
  assert.match(
    (await celadon('inspect', 'deepseek-v3-tiny')).stdout,
    /^parameters +8\.90 M, 5\.36 M active$/m,
  );
});

test('compile writes the program, and can show the graph after each pass', async () => {
  const out = await json(
    'compile',
    'qwen3-tiny',
    '--chip',
    'jade-edge',
    '-t',
    '2',
    '-c',
    '64',
    '-o',
    at('program'),
  );
  assert.deepEqual(fs.readdirSync(at('program')).toSorted(), [
    'listing.txt',
    'memory-map.txt',
    'program.bin',
    'summary.json',
  ]);
  assert.equal(fs.statSync(at('program/program.bin')).size, out.sizeBytes);
  assert.deepEqual(out.passes[0].pass, 'model');
  const dump = await celadon('compile', 'qwen3-tiny', '--dump', 'quantizeForMatrixUnit');
  assert.match(dump.stdout, /^; after quantizeForMatrixUnit\ngraph qwen3\n/);
});

test('doctor checks everything and says what to do about what is missing', async () => {
  const { healthy, checks } = await json('doctor');
  assert.equal(healthy, true);
  const names = checks.map(({ name }: { name: string }) => name);
  for (const name of ['node', 'wasm simd', 'models', 'chips', 'verilator', 'yosys']) {
    assert.ok(names.includes(name), name);
  }
  for (const { status, fix } of checks) assert.equal(status === 'ok', fix === undefined);
});

test('wrong usage ends with 2 and says what is possible', async () => {
  const cases: [string[], RegExp][] = [
    [
      ['run', 'qwen3-tin', '-p', 'x'],
      /must be a folder, a .gguf file, hf:ORG\/NAME or one of .*\n {2}at: <model>\n {2}try: did you mean qwen3-tiny\?\n$/,
    ],
    [
      ['run', 'qwen3-tiny', '-p', 'x', '--target', 'jade', '--chip', 'jade'],
      /must be one of jade-edge, jade-nano/,
    ],
    [
      ['run', 'qwen3-tiny', '-p', 'x', '--chip', 'jade-edge'],
      /^error: the target of a chip must be jade or reference, not cpu/,
    ],
    [
      ['run', 'qwen3-tiny', '-p', '', '--target', 'reference'],
      /^error: a prompt must have at least one token/,
    ],
    [['run', 'qwen3-tiny', '-p', 'x', '-n', 'many'], /whole number/],
    [
      ['run', 'qwen3-tiny', '-p', 'x', '--target', 'tpu'],
      /It must be one of reference, cpu, jade\./,
    ],
    [['run', 'deepseek-v3', '-p', 'x'], /needs weights/],
    [['eval', 'qwen3-tiny'], /either --tokens or --text/],
    [['compile', 'qwen3-tiny', '--dump', 'fuseSwigl'], /did you mean fuseSwiglu\?/],
    [['inspect', 'qwen3-32'], /did you mean qwen3-32b\?/],
    [['fly'], /unknown command 'fly'/],
    [['doctor', '--fast'], /unknown option '--fast'/],
  ];
  for (const [args, expected] of cases) {
    const { status, stdout, stderr } = await celadon(...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, expected);
    assert.equal(stdout, '');
    assert.doesNotMatch(stderr, /\n\s+at .*:\d+/, 'no stack trace');
  }
});

test('what is not supported ends with 3, what does not fit with 4, and both say what would', async () => {
  const lacking = ['--chip', 'huawei-ascend-310p3'];
  assert.equal((await celadon('check', 'qwen3.5-4b', ...lacking)).status, 3);
  const long = await celadon(
    'run',
    'qwen3-tiny',
    '-p',
    '春夜'.repeat(1000),
    '--target',
    'reference',
  );
  assert.equal(long.status, 4);
  assert.match(
    long.stderr,
    /must fit the context of 1024 tokens, not have \d+\n {2}at: the prompt\n {2}try: shorten it by \d+ tokens/,
  );
});

test('a broken chip file ends with 1 and names the field; --verbose adds where it was found', async () => {
  const { matrix: _, ...rest } = loadChip('jade-edge');
  const file = write('chip.json', JSON.stringify(rest));
  const args = ['run', 'qwen3-tiny', '-p', 'x', '--target', 'jade', '--chip', file];
  const { status, stderr } = await celadon(...args);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^error: matrix must be an object, but it is absent\n {2}at: .*chip\.json\n/,
  );
  assert.match((await celadon(...args, '--verbose')).stderr, /\n\s+at .*:\d+/);
});

test('help and version are no errors', async () => {
  assert.match((await celadon('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  for (const command of ['demo', 'run', 'eval', 'inspect', 'compile', 'doctor']) {
    const { status, stdout } = await celadon(command, '--help');
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^Usage: celadon ${command}`));
  }
});

function start(...args: string[]) {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

const LONG_RUN = [
  'run',
  'qwen3-tiny',
  '-p',
  '春',
  '--target',
  'reference',
  '-n',
  '1000',
  '--temperature',
  '3',
];

test('Ctrl-C ends with 130', async () => {
  const child = start(...LONG_RUN);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'exit'), [130, null]);
});

test('a reader that closes the pipe ends the program without a word', async () => {
  const child = start(...LONG_RUN);
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal(stderr, '');
});
