/** JSON files of a checkpoint folder, with a limit on what is read into memory. */
import path from 'node:path';
import { parseJsonRecord, readWholeFile } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';

/** Read a file that must hold one JSON object of at most `limitBytes`. Throws FormatError naming the file. */
export function readJsonFile(folder: string, name: string, limitBytes = 2 ** 20): JsonRecord {
  const where = path.join(folder, name);
  return parseJsonRecord(readWholeFile(where, limitBytes), where);
}
