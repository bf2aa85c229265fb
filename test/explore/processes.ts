/** Processes of Node that say a line of JSON now and then, and can be killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Talker {
  readonly process: ChildProcess;
  /** What it has said so far. */
  readonly lines: unknown[];
  /** Resolves once it has said so many lines, or has ended. */
  said(count: number): Promise<void>;
  /** Ends it with SIGKILL, or another signal, and waits for that; no harm if it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Its exit code; null if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Runs a TypeScript file; its errors go to ours. */
export function talk(file: string, ...args: readonly string[]): Talker {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close').then(() => child.exitCode);
  const lines: unknown[] = [];
  const waiting = new Set<() => void>();
  createInterface(child.stdout!).on('line', (line) => {
    lines.push(JSON.parse(line));
    for (const look of waiting) look();
  });
  const said = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (lines.length < count && child.exitCode === null && child.signalCode === null) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      ended.then(look, look);
      look();
    });
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  return { process: child, lines, said, kill, ended };
}

/** A value as it comes through a line of JSON. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
