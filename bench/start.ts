/** From the start of a process to the end of its first token, and the most memory it has, beside llama.cpp. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { THREADS } from './cpu/engines.ts';
import { buildLlamaCpp, FOLDER } from './cpu/llamaCpp.ts';
import { modelFile } from './cpu/modelFiles.ts';
import type { MatrixType } from './gguf/randomGguf.ts';
import { median, type Table } from './table.ts';

const ROUNDS = Number(process.env['CELADON_BENCH_ROUNDS'] ?? 7);
const FORMATS: readonly MatrixType[] = ['Q4_0', 'Q8_0'];
const MODEL = 'qwen3-0.6b';
const PROMPT = 'The capital of France is';
/** llama.cpp would make room for all that the model was trained for. */
const CONTEXT = 512;

const CELADON = path.join(import.meta.dirname, '../bin/celadon.cjs');
/** Writes elapsed, user and system seconds, and the most KiB resident [GNU time]. */
const TIME = '/usr/bin/time';

interface Sample {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

type Starts = Readonly<Record<string, (file: string) => Sample>>;

export function benchStart(): Table {
  const peer = buildLlamaCpp(FOLDER);
  const caches = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-start-'));
  const starts: Starts = {
    'llama.cpp': (file) => llamaCpp(path.join(peer.bin, 'llama-completion'), file),
    native: (file) => celadon(file, 'x86', caches),
    'native, first start': (file) =>
      celadon(file, 'x86', fs.mkdtempSync(path.join(caches, 'new-'))),
    WASM: (file) => celadon(file, 'wasm', caches),
  };
  try {
    return {
      title: 'First token from a cold start, beside llama.cpp',
      notes: [
        `One process from its start to its end: a prompt of 5 tokens, 1 token generated, ${THREADS} threads, files in the page`,
        `cache; median of ${ROUNDS} rounds, the engines one after the other in each. llama.cpp ${peer.version} without warm-up, with room`,
        `for ${CONTEXT} tokens. Weights of these formats are prepared from the file at every start; at the first one Node has also not`,
        'kept what it compiled of our sources yet. ÷: seconds of llama.cpp by those of the row, with the smallest and the largest.',
        'CPU: user and system seconds of all threads; llama.cpp spins while it waits. Peak: the most memory resident, and its share of',
        'the file.',
      ],
      columns: ['file', 'engine', 's', '÷', 'CPU s', 'peak', 'of the file'],
      rows: FORMATS.flatMap((format) => measure(modelFile({ model: MODEL, format }), starts)),
    };
  } finally {
    fs.rmSync(caches, { recursive: true });
  }
}

function measure(file: string, starts: Starts): (string | number)[][] {
  const samples = new Map(Object.keys(starts).map((name) => [name, [] as Sample[]]));
  // The first round brings files into the page cache, and leaves compiled code for the others.
  for (let round = -1; round < ROUNDS; round++) {
    console.error(`${path.basename(file)}: round ${round + 1} of ${ROUNDS}`);
    for (const [name, start] of Object.entries(starts)) {
      const sample = start(file);
      if (round >= 0) samples.get(name)!.push(sample);
    }
  }
  const peer = samples.get('llama.cpp')!;
  return [...samples].map(([name, own]) => row(file, name, own, peer));
}

function row(
  file: string,
  name: string,
  own: readonly Sample[],
  peer: readonly Sample[],
): (string | number)[] {
  const middle = (of: keyof Sample): number => median(own.map((sample) => sample[of]));
  const ratios = own.map(({ seconds }, i) => peer[i]!.seconds / seconds);
  const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  const peak = middle('peakBytes');
  return [
    path.basename(file),
    name,
    middle('seconds').toFixed(2),
    own === peer ? '' : `${median(ratios).toFixed(2)} (${range})`,
    middle('cpuSeconds').toFixed(2),
    `${(peak / 2 ** 20).toFixed(0)} MiB`,
    `${((100 * peak) / fs.statSync(file).size).toFixed(0)} %`,
  ];
}

function llamaCpp(program: string, file: string): Sample {
  const options = ['-t', THREADS, '-c', CONTEXT, '-n', 1, '-no-cnv', '--no-warmup'];
  return sampleOf(program, ['-m', file, '-p', PROMPT, ...options], {});
}

function celadon(file: string, emitter: string, caches: string): Sample {
  const options = ['-n', 1, '--threads', THREADS, '--emitter', emitter, '--quiet'];
  return sampleOf(process.execPath, [CELADON, 'run', file, '-p', PROMPT, ...options], {
    XDG_CACHE_HOME: caches,
    // That of this process would be inherited, and no start be the first.
    NODE_COMPILE_CACHE: '',
  });
}

function sampleOf(
  program: string,
  args: readonly (string | number)[],
  environment: Readonly<Record<string, string>>,
): Sample {
  const command = ['-f', '%e %U %S %M', program, ...args.map(String)];
  const env = { ...process.env, ...environment };
  const { stderr, status } = spawnSync(TIME, command, { encoding: 'utf8', env });
  const [seconds, user, system, kib] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  if (status !== 0 || kib === undefined) throw new Error(`${program} must end well:\n${stderr}`);
  return { seconds: seconds!, cpuSeconds: user! + system!, peakBytes: kib * 1024 };
}
