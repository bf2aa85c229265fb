/**
 * One file of a hub, in parts that come at the same time. What has come is kept in `NAME.celadon.incomplete`
 * and a list of its parts beside it, so that a later run goes on from there; only when the checksum is
 * right does it get its name, by one rename. huggingface_hub does not know these names, and cannot
 * take a file with holes for the beginning of one.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { FormatError, isRecord } from '../../base/index.ts';
import { passing, PassingFailure, persist, request, type HubAccess } from './http.ts';
import type { Checksum, HubFile } from './listing.ts';

export interface PartOptions {
  /** Bytes of a part. */
  readonly partBytes: number;
  /** Parts that come at the same time. */
  readonly connections: number;
}

/** Told the bytes that came since the last call; negative when some turn out to be of no use. */
export type OnBytes = (bytes: number) => void;

/**
 * Gets a file to `target`, which is there afterwards, whole and checked. Throws FormatError when what
 * comes is twice not what the hub says it is, and otherwise as `request` does.
 */
export async function downloadBlob(
  access: HubAccess,
  file: HubFile,
  target: string,
  options: PartOptions,
  onBytes: OnBytes,
): Promise<void> {
  const incomplete = `${target}.celadon.incomplete`;
  const partList = `${incomplete}.parts`;
  for (let last = false; ; last = true) {
    const handle = await openForParts(incomplete, partList);
    try {
      await getParts(access, file, { handle, partList }, options, onBytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const found = await checksumOf(incomplete, file.checksum.kind);
    if (found === file.checksum.hex) break;
    await Promise.all([rm(incomplete), rm(partList, { force: true })]);
    onBytes(-file.bytes);
    if (last) throw wrongContent(file, found);
  }
  await rename(incomplete, target);
  await rm(partList, { force: true });
}

/** The file that parts are written into; a list of parts without it, or for another size, counts for nothing. */
async function openForParts(incomplete: string, partList: string): Promise<FileHandle> {
  if (!fs.existsSync(incomplete)) await rm(partList, { force: true });
  return open(incomplete, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
}

interface PartFile {
  readonly handle: FileHandle;
  readonly partList: string;
}

async function getParts(
  access: HubAccess,
  file: HubFile,
  { handle, partList }: PartFile,
  { partBytes, connections }: PartOptions,
  onBytes: OnBytes,
): Promise<void> {
  const count = Math.ceil(file.bytes / partBytes);
  const done = await readPartList(partList, file.bytes, partBytes);
  const rangeOf = (part: number): Range => {
    const start = part * partBytes;
    return { start, end: Math.min(start + partBytes, file.bytes) };
  };
  for (const part of done) onBytes(rangeOf(part).end - rangeOf(part).start);
  const missing = Array.from({ length: count }, (_, part) => part).filter(
    (part) => !done.has(part),
  );
  const stop = new AbortController();
  let listed = Promise.resolve(); // one write of the list after another
  const work = async (): Promise<void> => {
    for (let part = missing.shift(); part !== undefined; part = missing.shift()) {
      await getRange(access, file, rangeOf(part), handle, stop.signal, onBytes);
      done.add(part);
      listed = listed.then(() => writePartList(partList, file.bytes, partBytes, done));
      await listed;
    }
  };
  const workers = Array.from({ length: Math.min(connections, count) }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(workers);
    throw error;
  }
  await handle.truncate(file.bytes);
}

/** Bytes of a file from `start` up to `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Goes on where a connection broke, until all bytes of the range are there. */
async function getRange(
  access: HubAccess,
  file: HubFile,
  { start, end }: Range,
  handle: FileHandle,
  stop: AbortSignal,
  onBytes: OnBytes,
): Promise<void> {
  let [at, before] = [start, start];
  const attempt = async (): Promise<void> => {
    before = at;
    for await (const chunk of rangeOfFile(access, file, { start: at, end }, stop)) {
      await handle.write(chunk, 0, chunk.length, at);
      at += chunk.length;
      onBytes(chunk.length);
    }
    if (at < end) throw passing(new Error(`${end - at} bytes are missing`), file.path);
  };
  await persist(access, attempt, { stop, progressed: () => at > before });
}

/** The bytes of a range as they come, never more of them; a server that knows no ranges is read from its start. */
async function* rangeOfFile(
  access: HubAccess,
  file: HubFile,
  { start, end }: Range,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const idle = new AbortController();
  const restart = (): NodeJS.Timeout =>
    setTimeout(() => idle.abort(new Error('no bytes came in time')), access.idleSeconds * 1000);
  let timer = restart();
  const signal = AbortSignal.any([stop, idle.signal]);
  try {
    const headers = { range: `bytes=${start}-${end - 1}` };
    const response = await request(access, file.url, { headers, signal });
    requireRange(response, file, start);
    let skip = response.status === 206 ? 0 : start;
    let left = end - start;
    for await (const chunk of response.body!) {
      clearTimeout(timer);
      timer = restart();
      const wanted = chunk.subarray(Math.min(skip, chunk.length)).subarray(0, left);
      skip = Math.max(0, skip - chunk.length);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
      if (left === 0) return; // whatever more comes was not asked for
    }
  } catch (error) {
    if (error instanceof Error && isConnectionFailure(error)) throw passing(error, file.path);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What fetch and its streams throw, as opposed to answers of ours and of the file system. */
function isConnectionFailure(error: Error): boolean {
  return (
    error.name === 'TypeError' ||
    error.name === 'AbortError' ||
    error.message === 'no bytes came in time'
  );
}

/** Throws PassingFailure for a part of a file of another length, or from another place. */
function requireRange(
  { status, headers }: Response,
  { path, bytes }: HubFile,
  start: number,
): void {
  if (status !== 206) return;
  const given = headers.get('content-range') ?? 'none';
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(given) ?? [];
  if (Number(from) === start && (total === '*' || Number(total) === bytes)) return;
  throw new PassingFailure(
    `the range must be from ${start} of ${bytes} bytes, not ${JSON.stringify(given.slice(0, 80))}`,
    { where: path, hint: 'start again: what has been downloaded is kept' },
  );
}

async function readPartList(list: string, bytes: number, partBytes: number): Promise<Set<number>> {
  try {
    const content: unknown = JSON.parse(await readFile(list, 'utf8'));
    if (!isRecord(content) || content['bytes'] !== bytes || content['partBytes'] !== partBytes) {
      return new Set();
    }
    const count = Math.ceil(bytes / partBytes);
    const { parts } = content;
    return new Set(
      Array.isArray(parts)
        ? parts.filter((part) => Number.isInteger(part) && part >= 0 && part < count)
        : [],
    );
  } catch {
    return new Set(); // absent, or cut off: its parts come again
  }
}

async function writePartList(
  list: string,
  bytes: number,
  partBytes: number,
  parts: ReadonlySet<number>,
): Promise<void> {
  await writeFile(list, JSON.stringify({ bytes, partBytes, parts: [...parts] }));
}

/** Checksum of a file, in hex. */
export async function checksumOf(file: string, kind: Checksum['kind']): Promise<string> {
  const hash = createHash(kind === 'git' ? 'sha1' : 'sha256');
  if (kind === 'git') hash.update(`blob ${fs.statSync(file).size}\0`);
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 2 ** 20 }))
    hash.update(chunk);
  return hash.digest('hex');
}

function wrongContent({ path, checksum }: HubFile, found: string): FormatError {
  return new FormatError(`the content must have the checksum ${checksum.hex}, not ${found}`, {
    where: path,
    hint: 'what came was thrown away; use another network or mirror',
  });
}
