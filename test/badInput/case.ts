/** A bad input, and the running of the command line on it, with its peak of memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

/** A bad input and the answer it must get. */
export interface BadInput {
  /** What is bad, as the start of a sentence. */
  readonly name: string;
  /** Make the input in an empty folder; returns the arguments of celadon. */
  readonly prepare: (folder: string) => string[];
  readonly exitCode: number;
  /** All of stderr, where FOLDER stands for the folder, or a pattern; any clear error when absent. */
  readonly stderr?: string | RegExp;
  /** Files that must be in the folder afterwards, when that is the point. */
  readonly files?: readonly string[];
}

export interface Answer {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly files: readonly string[];
  readonly peakBytes: number;
  readonly seconds: number;
}

const MAIN = path.join(import.meta.dirname, '../../src/cli/main.ts');
const REPORT_PEAK = pathToFileURL(path.join(import.meta.dirname, 'reportPeak.ts')).href;

/** Nothing bad may take this long to refuse; far more than it does take, so that only a hang is hit. */
const KILL_MILLISECONDS = 20_000;

/** Run celadon on a bad input in a folder of its own, which is removed afterwards. */
export async function answerTo({ prepare }: BadInput): Promise<Answer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-bad-'));
  try {
    const args = prepare(folder);
    const start = performance.now();
    const answer = await celadon(args);
    const seconds = (performance.now() - start) / 1000;
    const stderr = answer.stderr.replaceAll(folder, 'FOLDER');
    return { ...answer, stderr, files: fs.readdirSync(folder).toSorted(), seconds };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function celadon(args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', REPORT_PEAK, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    timeout: KILL_MILLISECONDS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, peak] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    text(child.stdio[3] as NodeJS.ReadableStream),
    once(child, 'close'),
  ]);
  return { exitCode: child.exitCode, stdout, stderr, peakBytes: Number(peak || Number.NaN) };
}
