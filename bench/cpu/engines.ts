/** The engines side by side: each gives the tokens a second of one run of a workload, in a process of its own. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { LlamaCpp } from './llamaCpp.ts';
import type { Workload } from './workloads.table.ts';

export const THREADS = 2;
/** What a run may take, loading and warm-up included. */
export const LIMIT_SECONDS = 120;

/** Tokens a second; of a run that is stopped at the limit, more than it can have reached. */
export type Engine = (workload: Workload, file: string) => number;

const CELADON = path.join(import.meta.dirname, '../../bin/celadon.cjs');

export function celadon(emitter: 'x86' | 'wasm'): Engine {
  return (workload, file) => {
    const { promptTokens, generatedTokens, sequences } = workload;
    const test = ['-p', promptTokens, '-n', generatedTokens, '-s', sequences, '-r', 1];
    const options = ['--threads', THREADS, '--emitter', emitter, '-o', 'json'];
    const rows = json(process.execPath, [CELADON, 'bench', file, ...test, ...options]);
    return rows?.[0]!['avg_ts'] ?? mostOf(sequences * (promptTokens + generatedTokens));
  };
}

/** One sequence in llama-bench, several in llama-batched-bench; each warms up first. */
export function llamaCpp({ bin }: LlamaCpp): Engine {
  return (workload, file) => {
    const { promptTokens, sequences, peerTokens } = workload;
    const generatedTokens = peerTokens ?? workload.generatedTokens;
    const most = mostOf(sequences * (promptTokens + generatedTokens));
    const common = ['-m', file, '-t', THREADS];
    if (sequences === 1) {
      const test = ['-p', promptTokens, '-n', generatedTokens, '-r', 1, '-o', 'json'];
      return json(path.join(bin, 'llama-bench'), [...common, ...test])?.[0]!['avg_ts'] ?? most;
    }
    const context = sequences * (generatedTokens + 2);
    const test = ['-npp', 1, '-ntg', generatedTokens, '-npl', sequences, '-c', context];
    const args = [...common, ...test, '--output-format', 'jsonl'];
    return json(path.join(bin, 'llama-batched-bench'), args)?.[0]!['speed_tg'] ?? most;
  };
}

type Row = Readonly<Record<string, number>>;

/** Tokens a second of a run that would have ended at the limit, without the time to load. */
function mostOf(tokens: number): number {
  return tokens / LIMIT_SECONDS;
}

/** What a program prints: a JSON array, or lines with an object each; undefined if it has not ended at the limit. */
function json(program: string, args: readonly (string | number)[]): readonly Row[] | undefined {
  const { stdout, error, status } = spawnSync(program, args.map(String), {
    encoding: 'utf8',
    timeout: LIMIT_SECONDS * 1000,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') return undefined;
  if (status !== 0) throw error ?? new Error(`${program} must end well, not with ${status}`);
  const text = stdout.trim();
  return text.startsWith('[')
    ? (JSON.parse(text) as Row[])
    : text.split('\n').map((line) => JSON.parse(line) as Row);
}
