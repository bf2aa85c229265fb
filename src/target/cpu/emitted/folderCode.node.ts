/**
 * Emitted code in files of one folder, a file for each name:
 *
 *   0    SHA-256 of all that follows
 *   32   SHA-256 of the sources that emit
 *   64   the value as V8 writes it
 *
 * A file that is damaged, of other sources or written by another V8 is made anew and takes its place.
 */
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import v8 from 'node:v8';
import { storedFiles, type StoredFile } from '../images/folderStore.node.ts';
import type { CodeStore } from './codeStore.ts';

const HASH_BYTES = 32;
const [ENDING, PART_ENDING] = ['.code', '.part'];
const SOURCES = path.join(import.meta.dirname, '../../..');
/** What emits, and all that it reads. */
export const FOLDERS = ['base', 'ir', 'wasm', 'x86', 'target/cpu'];

/** The sources as this process has loaded them, as it first asks for code right after. */
let loaded: Buffer | undefined;

/**
 * Code in a folder, of these sources; of those that are loaded only as long as they are still what is in the files. A folder that
 * cannot be written only means that nothing is kept.
 */
export function folderCode(folder: string, sources?: Buffer): CodeStore {
  const own = sources ?? (loaded ??= hashOfSources());
  return {
    take<T>(name: string, emit: () => T): T {
      const file = path.join(folder, `${sha256(name).toString('hex', 0, 16)}${ENDING}`);
      const kept = read(file, own);
      if (kept !== undefined) return kept.value as T;
      const made = emit();
      const isCurrent = sources !== undefined || hashOfSources().equals(own);
      if (isCurrent) write(file, Buffer.concat([own, v8.serialize(made)]));
      return made;
    },
  };
}

/** What is kept; undefined if that is not whole, of other sources, or what this V8 does not read. */
function read(file: string, sources: Buffer): { readonly value: unknown } | undefined {
  try {
    const bytes = fs.readFileSync(file);
    const content = bytes.subarray(HASH_BYTES);
    const isWhole = bytes.subarray(0, HASH_BYTES).equals(sha256(content));
    if (!isWhole || !content.subarray(0, HASH_BYTES).equals(sources)) return undefined;
    return { value: v8.deserialize(content.subarray(HASH_BYTES)) };
  } catch {
    return undefined;
  }
}

/** Under another name at first: a file is seen when it is complete. */
function write(file: string, content: Buffer): void {
  const part = `${file}.${randomUUID()}${PART_ENDING}`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    try {
      fs.writeFileSync(part, Buffer.concat([sha256(content), content]), {
        mode: 0o600,
        flag: 'wx',
      });
      fs.renameSync(part, file);
    } finally {
      fs.rmSync(part, { force: true });
    }
  } catch {
    // A wish: the next run emits it again.
  }
}

/** The code that is kept in a folder. */
export function listCode(folder: string): StoredFile[] {
  return storedFiles(folder, ENDING);
}

/** Removes it, and what programs have left that ended while they wrote. */
export function clearCode(folder: string): void {
  for (const { file } of [...listCode(folder), ...storedFiles(folder, PART_ENDING)])
    fs.rmSync(file, { force: true });
}

/** Changes with every source of the code. */
export function hashOfSources(): Buffer {
  const hash = createHash('sha256');
  for (const folder of FOLDERS) {
    const names = fs.readdirSync(path.join(SOURCES, folder), { recursive: true, encoding: 'utf8' });
    for (const name of names.filter(isSource).toSorted()) {
      const content = fs.readFileSync(path.join(SOURCES, folder, name));
      hash.update(`${folder}/${name}\n${content.length}\n`).update(content);
    }
  }
  return hash.digest();
}

function isSource(name: string): boolean {
  return name.endsWith('.ts') && !name.endsWith('.test.ts');
}

function sha256(content: string | Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}
