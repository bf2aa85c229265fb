// A hub on this machine, for tests: it lists and gives the files of one model, as Hugging Face or
// ModelScope would, and does it badly in the ways that it is told.
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export const REPOSITORY = 'Org/Model-1.5';
export const COMMIT = 'c0ffee'.padEnd(40, '0');

export interface Request {
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** How an answer with content is given; each may be told by the count of answers so far. */
export interface Faults {
  /** Bytes after which the connection is broken; -1 does not break it. */
  readonly breakAfter?: (answer: number) => number;
  /** Another content, of the same length or not. */
  readonly content?: (path: string, content: Buffer, answer: number) => Buffer;
  readonly contentRange?: string;
  readonly ignoreRanges?: boolean;
  /** A status instead of content. */
  readonly status?: (answer: number) => number | undefined;
  readonly redirectTo?: () => string;
  /** Stops sending, and keeps the connection. */
  readonly hang?: (answer: number) => boolean;
}

export class HubServer {
  readonly requests: Request[] = [];
  faults: Faults = {};
  files: Map<string, Buffer>;
  #answers = 0;
  readonly #server: http.Server;

  private constructor(files: Map<string, Buffer>) {
    this.files = files;
    this.#server = http.createServer((request, response) => this.#answer(request, response));
  }

  static async start(files: Record<string, Buffer | string>): Promise<HubServer> {
    const server = new HubServer(
      new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)])),
    );
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Requests for content, without the lists. */
  get contentRequests(): Request[] {
    return this.requests.filter(
      ({ url }) => !url.startsWith('/api/models') && !url.includes('/files?'),
    );
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url!;
    const { range, authorization } = request.headers;
    this.requests.push({ url, range, authorization });
    if (url.startsWith('/api/models/'))
      return void response.end(JSON.stringify(this.#huggingFace()));
    if (url.includes('/repo/files?')) return void response.end(JSON.stringify(this.#modelScope()));
    const path = url.includes('FilePath=')
      ? new URL(url, 'http://x').searchParams.get('FilePath')!
      : decodeURIComponent(url.split(`/resolve/${COMMIT}/`)[1] ?? '');
    const content = this.files.get(path);
    if (content === undefined) return void response.writeHead(404).end();
    this.#give(path, content, range, response);
  }

  #give(
    path: string,
    whole: Buffer,
    range: string | undefined,
    response: http.ServerResponse,
  ): void {
    const answer = this.#answers++;
    const { redirectTo, status, hang, content, ignoreRanges, contentRange, breakAfter } =
      this.faults;
    if (redirectTo !== undefined) {
      return void response
        .writeHead(302, { location: `${redirectTo()}/Org/x/resolve/${COMMIT}/${path}` })
        .end();
    }
    const failing = status?.(answer);
    if (failing !== undefined) return void response.writeHead(failing).end('no');
    const given = content?.(path, whole, answer) ?? whole;
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    const start = ignoreRanges ? 0 : Number(from ?? 0);
    const part = ignoreRanges ? given : given.subarray(start, Number(to ?? given.length - 1) + 1);
    const total = `bytes ${start}-${start + part.length - 1}/${given.length}`;
    const head = { 'content-length': part.length, 'content-range': contentRange ?? total };
    response.writeHead(ignoreRanges ? 200 : 206, ignoreRanges ? {} : head);
    if (hang?.(answer)) return void response.write(part.subarray(0, 10));
    const limit = breakAfter?.(answer) ?? -1;
    if (limit < 0 || limit >= part.length) return void response.end(part);
    response.write(part.subarray(0, limit), () => setTimeout(() => response.destroy(), 5));
  }

  #huggingFace(): object {
    const siblings = [...this.files].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
      ...(/\.(?:safetensors|gguf)$/.test(rfilename) && {
        lfs: { sha256: sha256(content), size: content.length },
      }),
    }));
    return { id: REPOSITORY, sha: COMMIT, siblings };
  }

  #modelScope(): object {
    const files = [...this.files].map(([Path, content]) => ({
      Type: 'blob',
      Path,
      Size: content.length,
      Sha256: sha256(content),
    }));
    return {
      Code: 200,
      Data: { Files: [...files, { Type: 'tree', Path: 'folder', Size: 0, Sha256: '' }] },
    };
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
