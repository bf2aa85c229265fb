/** The command line, run in a process of its own or in one that runs many, with its peak of memory. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import type { Ended, Hosted } from './host.ts';

export type Start = (args: readonly string[]) => Promise<Ended>;

const MAIN = path.join(import.meta.dirname, '../../src/cli/main.ts');
const ROOT = path.join(import.meta.dirname, '../..');
const HOST = path.join(import.meta.dirname, 'host.ts');
const REPORT_PEAK = pathToFileURL(path.join(import.meta.dirname, 'reportPeak.ts')).href;

/** What a host is held to. */
interface Limits {
  readonly killMilliseconds: number;
  /** A host with more than this in memory gives way to a new one: the peak of a case must be its own. */
  readonly heldBytes: number;
}

/** Nothing bad may take this long to refuse; far more than it does take, so that only a hang is hit. */
const KILL_MILLISECONDS = 20_000;

const USUAL: Limits = { killMilliseconds: KILL_MILLISECONDS, heldBytes: 180e6 };

const ENVIRONMENT = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };

/** Run celadon in a process of its own. */
export async function celadon(
  args: readonly string[],
  timeout = KILL_MILLISECONDS,
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', REPORT_PEAK, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    cwd: ROOT,
    env: ENVIRONMENT,
    timeout,
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

/** Runs celadon in a process that runs one list of arguments after another. */
export class Host {
  #child: ChildProcess | undefined;
  readonly #known = new Set<string>();
  readonly #limits: Limits;

  constructor(limits = USUAL) {
    this.#limits = limits;
  }

  /** The first use of every command has a process of its own, in which it must also end by itself. */
  readonly start: Start = (args) => {
    const [command = ''] = args;
    if (this.#known.has(command)) return this.#ask(args);
    this.#known.add(command);
    return celadon(args, this.#limits.killMilliseconds);
  };

  /** End the process. */
  stop(): void {
    this.#child?.kill();
    this.#child = undefined;
  }

  async #ask(args: readonly string[]): Promise<Ended> {
    const child = (this.#child ??= open());
    const late = setTimeout(() => child.kill('SIGKILL'), this.#limits.killMilliseconds);
    child.send(args);
    const ended = await new Promise<Hosted>((resolve) => {
      child
        .removeAllListeners()
        .once('message', resolve)
        .once('exit', (exitCode) => {
          // It was killed, or an error ended it.
          resolve({ exitCode, stdout: '', stderr: '', peakBytes: Number.NaN, heldBytes: Infinity });
        });
    });
    clearTimeout(late);
    // One that has ended is not asked again.
    if (child.exitCode !== null || child.signalCode !== null) this.#child = undefined;
    else if (ended.heldBytes > this.#limits.heldBytes) this.stop();
    return ended;
  }
}

function open(): ChildProcess {
  // Garbage is collected between cases that leave much, and young objects get little room: what is held stays small.
  const execArgv = ['--expose-gc', '--max-semi-space-size=2'];
  return fork(HOST, {
    execArgv,
    cwd: ROOT,
    env: ENVIRONMENT,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
