/** The engines side by side: each gives the tokens a second of one run of a workload, in a process of its own. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { type LlamaCpp } from './llamaCpp.ts';
import { type Workload } from './workloads.table.ts';

export const THREADS = 2;
/** Longer than any run on a busy machine; llama.cpp falls to a token a second there. */
const LIMIT_MS = 300_000;

export type Engine = (workload: Workload, file: string) => number;

const CELADON = path.join(import.meta.dirname, '../../bin/celadon.cjs');

export function celadon(emitter: 'x86' | 'wasm'): Engine {
  return (workload, file) => {
    const { promptTokens, generatedTokens, sequences } = workload;
    const test = ['-p', promptTokens, '-n', generatedTokens, '-s', sequences, '-r', 1];
    const options = ['--threads', THREADS, '--emitter', emitter, '-o', 'json'];
    const [row] = json(process.execPath, [CELADON, 'bench', file, ...test, ...options]);
    return row!['avg_ts']!;
  };
}

/** One sequence in llama-bench, several in llama-batched-bench; each warms up first. */
export function llamaCpp({ bin }: LlamaCpp): Engine {
  return (workload, file) => {
    const { promptTokens, generatedTokens, sequences } = workload;
    const common = ['-m', file, '-t', THREADS];
    if (sequences === 1) {
      const test = ['-p', promptTokens, '-n', generatedTokens, '-r', 1, '-o', 'json'];
      return json(path.join(bin, 'llama-bench'), [...common, ...test])[0]!['avg_ts']!;
    }
    const context = sequences * (generatedTokens + 2);
    const test = ['-npp', 1, '-ntg', generatedTokens, '-npl', sequences, '-c', context];
    const args = [...common, ...test, '--output-format', 'jsonl'];
    return json(path.join(bin, 'llama-batched-bench'), args)[0]!['speed_tg']!;
  };
}

type Row = Readonly<Record<string, number>>;

/** What a program prints: a JSON array, or lines with an object each. */
function json(program: string, args: readonly (string | number)[]): readonly Row[] {
  const text = execFileSync(program, args.map(String), {
    encoding: 'utf8',
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  return text.startsWith('[')
    ? (JSON.parse(text) as Row[])
    : text.split('\n').map((line) => JSON.parse(line) as Row);
}
