/** JSON files of a checkpoint folder, with a limit on what is read into memory. */
import path from 'node:path';
import { FormatError, formatBytes, openFileSource } from '../../base/index.ts';
import { parseJsonRecord } from './json.ts';
import type { JsonRecord } from './json.ts';

/** Read a file that must hold one JSON object of at most `limitBytes`. Throws FormatError naming the file. */
export function readJsonFile(folder: string, name: string, limitBytes = 2 ** 20): JsonRecord {
  const where = path.join(folder, name);
  return parseJsonRecord(readFile(where, limitBytes), where);
}

/** Read a whole file of at most `limitBytes`. Throws FormatError when it is larger. */
export function readFile(where: string, limitBytes: number): Uint8Array {
  const source = openFileSource(where);
  try {
    if (source.sizeBytes <= limitBytes) return source.read(0, source.sizeBytes);
  } finally {
    source.close();
  }
  throw new FormatError(
    `the file must have at most ${formatBytes(limitBytes)}, not ${formatBytes(source.sizeBytes)}`,
    { where },
  );
}
