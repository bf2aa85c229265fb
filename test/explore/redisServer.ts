/** A Redis or Valkey server of the machine's own, on the loopback alone, for as long as a test runs. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

/** As Debian names them. */
export const SERVERS = ['valkey-server', 'redis-server'];

export function findServer(): string | undefined {
  return SERVERS.find((name) => spawnSync(name, ['--version']).error === undefined);
}

/** The URL of an empty server. */
export async function startServer(t: TestContext): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-redis-'));
  const port = await freePort();
  const options = ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--dir', folder];
  const server = spawn(findServer()!, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'close');
  t.after(async () => {
    server.kill();
    await ended;
    fs.rmSync(folder, { recursive: true });
  });
  for await (const text of server.stdout) if (`${text}`.includes('Ready to accept')) break;
  return `redis://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
