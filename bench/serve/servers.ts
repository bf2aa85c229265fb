/** The servers side by side, on loopback, each with the same file and the same threads. */
import { spawn, type ChildProcess } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { THREADS } from '../cpu/engines.ts';

export interface Server {
  readonly base: string;
  close(): void;
}

const CELADON = path.join(import.meta.dirname, '../../bin/celadon.cjs');
const START_MS = 120_000;

export async function celadonServer(
  file: string,
  context: number,
  sequences: number,
): Promise<Server> {
  const port = await freePort();
  const limits = ['--context', context, '--max-sequences', sequences];
  const args = [CELADON, 'serve', file, '--port', port, '--threads', THREADS, ...limits];
  return started(spawn(process.execPath, args.map(String), { stdio: 'ignore' }), port);
}

/** With a place of its own for each sequence. */
export async function llamaServer(
  program: string,
  file: string,
  context: number,
  sequences: number,
): Promise<Server> {
  const port = await freePort();
  const limits = ['-c', context * sequences, '-np', sequences];
  const args = ['-m', file, '--host', '127.0.0.1', '--port', port, '-t', THREADS, ...limits];
  return started(spawn(program, args.map(String), { stdio: 'ignore' }), port);
}

async function started(child: ChildProcess, port: number): Promise<Server> {
  const base = `http://127.0.0.1:${port}`;
  const server = { base, close: (): void => void child.kill() };
  for (const start = performance.now(); performance.now() - start < START_MS;) {
    if (child.exitCode !== null) throw new Error(`a server ended with ${child.exitCode}`);
    const health = await fetch(`${base}/health`).catch(() => undefined);
    if (health?.ok) return server;
    await sleep(100);
  }
  server.close();
  throw new Error(`a server did not start in ${START_MS / 1000} s`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
