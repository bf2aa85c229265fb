/** A bad input, and the running of the command line on it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Start } from './celadon.ts';
import type { Ended } from './host.ts';

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

/** How celadon ended; in stderr stand FOLDER for the folder, and REASON for words that Node chooses. */
export interface Answer extends Ended {
  /** Files in the folder that were not there before. */
  readonly written: readonly string[];
  readonly seconds: number;
}

/** Run celadon, by `start`, on a bad input in a folder of its own, which is removed afterwards. */
export async function answerTo({ prepare }: BadInput, start: Start): Promise<Answer> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-bad-'));
  try {
    const args = prepare(folder);
    const before = new Set(filesIn(folder));
    const began = performance.now();
    const ended = await start(args);
    const seconds = (performance.now() - began) / 1000;
    const written = filesIn(folder).filter((file) => !before.has(file));
    return { ...ended, stderr: generalize(ended.stderr, folder), written, seconds };
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
