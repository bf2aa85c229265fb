/** A bad input, and the running of the command line on it, with its peak of memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

/** A bad input; what celadon says to it is in the text file of its group. */
export interface BadInput {
  /** What is bad; unique in its group. */
  readonly name: string;
  /** Make the input in an empty folder; returns the arguments of celadon. */
  readonly prepare: (folder: string) => string[];
  readonly exitCode: number;
}

export function bad(name: string, exitCode: number, prepare: BadInput['prepare']): BadInput {
  return { name, exitCode, prepare };
}

/** JSON that a careless reader follows until its stack ends. */
export const NESTED_DEEPLY = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;

/** Make a file of zeros that takes no room on the disk. */
export function writeZeros(file: string, sizeBytes: number): string {
  fs.writeFileSync(file, '');
  fs.truncateSync(file, sizeBytes);
  return file;
}

export interface Answer {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** With FOLDER in place of the folder, and REASON in place of words that Node chooses. */
  readonly stderr: string;
  /** Files in the folder that were not there before. */
  readonly written: readonly string[];
  /** Peak of resident memory; NaN when the process was killed. */
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
    const before = new Set(filesIn(folder));
    const start = performance.now();
    const answer = await celadon(args);
    const seconds = (performance.now() - start) / 1000;
    const written = filesIn(folder).filter((file) => !before.has(file));
    return { ...answer, stderr: generalize(answer.stderr, folder), written, seconds };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function filesIn(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
}

function generalize(stderr: string, folder: string): string {
  return stderr
    .replaceAll(folder, 'FOLDER')
    .replace(/^(error: .* must be (?:JSON|valid|valid Jinja): ).*$/m, '$1REASON');
}

/** Run celadon and report the peak of its memory. */
export async function celadon(args: readonly string[]) {
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
