/**
 * Emitted code in files of one folder, a file for each name:
 *
 *   0    SHA-256 of all that follows
 *   32   SHA-256 of the sources that emit
 *   64   the value as V8 writes it
 *
 * A file that is damaged, or of other sources, is made anew and takes its place.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import v8 from 'node:v8';
import type { CodeStore } from './codeStore.ts';

const HASH_BYTES = 32;
const SOURCES = path.join(import.meta.dirname, '../../..');
/** What emits, and all that it reads. */
const FOLDERS = ['base', 'ir', 'wasm', 'x86', 'target/cpu'];

/** Code in a folder, of these sources. A folder that cannot be written only means that nothing is kept. */
export function folderCode(folder: string, sources: Buffer = hashOfSources()): CodeStore {
  return {
    take<T>(name: string, emit: () => T): T {
      const file = path.join(folder, `${sha256(name).toString('hex', 0, 16)}.code`);
      const kept = read(file, sources);
      if (kept !== undefined) return v8.deserialize(kept) as T;
      const made = emit();
      write(file, Buffer.concat([sources, v8.serialize(made)]));
      return made;
    },
  };
}

/** What follows the hashes; undefined if that is not whole, or of other sources. */
function read(file: string, sources: Buffer): Buffer | undefined {
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(file);
  } catch {
    return undefined;
  }
  const content = bytes.subarray(HASH_BYTES);
  const isWhole = bytes.indexOf(sha256(content)) === 0;
  return isWhole && content.indexOf(sources) === 0 ? content.subarray(HASH_BYTES) : undefined;
}

/** Under another name at first: a file is seen when it is complete. */
function write(file: string, content: Buffer): void {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const part = `${file}.${process.pid}.part`;
    fs.writeFileSync(part, Buffer.concat([sha256(content), content]), { mode: 0o600 });
    fs.renameSync(part, file);
  } catch {
    // A wish: the next run emits it again.
  }
}

/** Changes with every source of the code. */
function hashOfSources(): Buffer {
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
