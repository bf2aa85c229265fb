/**
 * Yosys: that of npm where it is installed, the same on every machine; else the machine's own, if it has
 * `synth -booth`, without which multipliers are half as big again.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FormatError, UnsupportedError } from '../../base/index.ts';

/** Texts by file name, in one folder. */
export type Files = Readonly<Record<string, string>>;

export interface Yosys {
  /** Its name and version, as the tables of silicon tell them. */
  readonly tool: string;
  /** Runs the script `run.ys` of `files` and returns its log and the files `wanted`. Throws FormatError if it fails. */
  run(
    files: Files,
    wanted: readonly string[],
  ): Promise<{ readonly log: string; readonly written: Files }>;
}

/** Throws UnsupportedError when there is none that serves. */
export async function findYosys(): Promise<Yosys> {
  return (await npmYosys()) ?? systemYosys();
}

const OPTIONS = ['-Q', '-T', '-s', 'run.ys'];

async function npmYosys(): Promise<Yosys | undefined> {
  const found = await import('@yowasp/yosys').catch(() => undefined);
  if (found === undefined) return undefined;
  const { runYosys, version } = found;
  const tool = `Yosys ${version} (npm @yowasp/yosys)`;
  const run: Yosys['run'] = async (files, wanted) => {
    const decoder = new TextDecoder();
    let log = '';
    const listen = (bytes: Uint8Array | null): void => {
      if (bytes) log += decoder.decode(bytes, { stream: true });
    };
    try {
      const options = { stdout: listen, stderr: listen, decodeASCII: true };
      const written = (await runYosys(OPTIONS, files, options))!;
      return { log, written: chosen(wanted, (name) => String(written[name])) };
    } catch (error) {
      throw failed(log, error);
    }
  };
  return { tool, run };
}

function systemYosys(): Yosys {
  const { error, stdout } = spawnSync('yosys', ['-V'], { encoding: 'utf8' });
  if (error !== undefined)
    throw new UnsupportedError('Yosys must be installed to synthesise, and is not', {
      hint: 'npm install @yowasp/yosys',
    });
  const tool = stdout.trim();
  const help = spawnSync('yosys', ['-Q', '-p', 'help synth'], { encoding: 'utf8' });
  if (!help.stdout.includes('-booth'))
    throw new UnsupportedError(`Yosys must have synth -booth, which ${tool} has not`, {
      hint: 'npm install @yowasp/yosys',
    });
  return { tool, run: runSystem };
}

// oxlint-disable-next-line require-await -- the other one waits
async function runSystem(
  files: Files,
  wanted: readonly string[],
): Promise<{ log: string; written: Files }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-yosys-'));
  try {
    for (const [name, text] of Object.entries(files))
      fs.writeFileSync(path.join(folder, name), text);
    const options = { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
    const { status, stdout, stderr } = spawnSync('yosys', OPTIONS, options);
    const log = stdout + stderr;
    if (status !== 0) throw failed(log);
    const read = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8');
    return { log, written: chosen(wanted, read) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function chosen(names: readonly string[], textOf: (name: string) => string): Files {
  return Object.fromEntries(names.map((name) => [name, textOf(name)]));
}

function failed(log: string, cause?: unknown): FormatError {
  const error = new FormatError(`Yosys must synthesise, but stopped after:\n${log.slice(-1500)}`);
  error.cause = cause;
  return error;
}
