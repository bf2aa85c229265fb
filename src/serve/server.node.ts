/** The server on a port of this machine. */
import fs from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setImmediate as pause } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import { createApp, type AppOptions, type ServerState } from './app.ts';
import type { Limits } from './limits.ts';
import type { Service } from './service.ts';

export interface ServerOptions extends Omit<AppOptions, 'state' | 'page' | 'hosts'> {
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
  readonly limits: Limits;
}

export interface RunningServer {
  readonly url: string;
  /** The model is there. */
  ready(service: Service): void;
  /** Answers what was asked before, refuses what is asked now, and ends. */
  drain(): Promise<void>;
  /** Ends at once. */
  close(): void;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]', '::1'];

/** Whether only programs of this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host);
}

/** Lets the thread do what has come in. */
export const letGo = (): Promise<void> => pause();

/** Listens; until the model is there everything is answered with 503. Rejects with what the system says. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, limits } = options;
  let state: ServerState = { phase: 'loading' };
  const hosts = isLoopback(host) ? { hosts: LOOPBACK } : {};
  const app = createApp({ ...options, ...hosts, page: readPage(), state: () => state });
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      headersTimeout: limits.headersSeconds * 1000,
      requestTimeout: limits.sendingSeconds * 1000,
      connectionsCheckingInterval: Math.min(1000, limits.headersSeconds * 1000),
      keepAlive: true,
      noDelay: true,
    },
  }) as Server;
  server.maxConnections = limits.connections;
  await listen(server, host, port);
  const { address, family, port: chosen } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`,
    ready: (service) => (state = { phase: 'ready', service }),
    drain: () => {
      state = { phase: 'draining' };
      return closed(server);
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Connections that are kept alive are closed as soon as their last request is answered. */
function closed(server: Server): Promise<void> {
  const timer = setInterval(() => server.closeIdleConnections(), 20);
  return new Promise((resolve) => {
    server.close(() => {
      clearInterval(timer);
      resolve();
    });
  });
}

const PAGE = fileURLToPath(new URL('./page/', import.meta.url));

const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'chat.html', type: 'text/html; charset=utf-8' },
  '/chat.js': { file: 'chat.js', type: 'text/javascript; charset=utf-8' },
  '/events.js': { file: 'events.js', type: 'text/javascript; charset=utf-8' },
  '/favicon.svg': { file: 'favicon.svg', type: 'image/svg+xml' },
  '/chat.css': { file: 'chat.css', type: 'text/css; charset=utf-8' },
};

function readPage(): AppOptions['page'] {
  return new Map(
    Object.entries(FILES).map(([path, { file, type }]) => [
      path,
      { type, body: fs.readFileSync(PAGE + file, 'utf8') },
    ]),
  );
}
