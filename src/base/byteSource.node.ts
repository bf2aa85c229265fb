/** ByteSource over a file on disk; reads only what is asked for, so files may exceed memory. */
import fs from 'node:fs';
import { requireRange } from './byteSource.ts';
import type { ByteSource } from './byteSource.ts';
import { FormatError, UsageError } from './errors.ts';
import { formatBytes } from './units.ts';

/** One read call cannot take more than 2^31 - 1 bytes on Linux; stay well below. */
const MAX_READ_BYTES = 2 ** 30;

/** Open a regular file for reading. Throws UsageError when there is none or it may not be read. */
export function openFileSource(path: string): ByteSource {
  const file = openFile(path);
  const { size, mtimeNs } = fs.fstatSync(file, { bigint: true });
  const source: ByteSource = {
    name: path,
    sizeBytes: Number(size),
    changed: String(mtimeNs),
    descriptor: file,
    read(offset, length, room) {
      requireRange(source, offset, length);
      const bytes = room ?? new Uint8Array(length);
      fill(file, bytes, offset, path);
      return bytes;
    },
    close: () => fs.closeSync(file),
  };
  return source;
}

/** Read a whole file of at most `limitBytes`. Throws FormatError when it is larger. */
export function readWholeFile(path: string, limitBytes: number): Uint8Array {
  const source = openFileSource(path);
  try {
    if (source.sizeBytes <= limitBytes) return source.read(0, source.sizeBytes);
  } finally {
    source.close();
  }
  throw new FormatError(
    `the file must have at most ${formatBytes(limitBytes)}, not ${formatBytes(source.sizeBytes)}`,
    { where: path, hint: 'give a smaller file, or the right one' },
  );
}

/** Asks before opening, because opening a pipe would wait for its writer. */
function openFile(path: string): number {
  try {
    if (fs.statSync(path).isFile()) return fs.openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`the file must be readable, but opening it gives ${code}`, {
      where: path,
      hint: 'check the name and who may read it',
    });
  }
  throw new UsageError('a file is required, not a folder or device', {
    where: path,
    hint: 'put a file in its place',
  });
}

function fill(file: number, bytes: Uint8Array, offset: number, path: string): void {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, MAX_READ_BYTES);
    const count = fs.readSync(file, bytes, done, length, offset + done);
    if (count === 0)
      throw new FormatError('the file must not change while it is read, but became shorter', {
        where: path,
        hint: 'wait until it is complete',
      });
    done += count;
  }
}
