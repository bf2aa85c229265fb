/**
 * Files that appear only when they are complete: written under another name, then renamed. Whatever
 * ends the program before that leaves no file behind.
 */
import fs from 'node:fs';
import nodePath from 'node:path';
import { UsageError } from '../base/index.ts';

export class NewFile {
  readonly path: string;
  readonly #partPath: string;
  readonly #file: number;
  readonly #discard = (): void => fs.rmSync(this.#partPath, { force: true });

  /** Throws UsageError when the place cannot be written. */
  constructor(path: string) {
    this.path = path;
    this.#partPath = `${path}.${process.pid}.part`;
    this.#file = open(this.#partPath, path);
    process.once('exit', this.#discard);
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    for (let done = 0; done < bytes.length;) {
      done += fs.writeSync(this.#file, bytes, done);
    }
  }

  /** The file is complete: gives it its name, in place of what had it. */
  finish(): void {
    fs.closeSync(this.#file);
    fs.renameSync(this.#partPath, this.path);
    process.off('exit', this.#discard);
  }
}

const NAME_ONE = { where: 'the file to write', hint: 'give the name of a new file' };

/** Writes files into a folder, which is made if there is none. Throws UsageError when it cannot be written. */
export function writeFolder(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): void {
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`the output must be a folder that can be written, not ${code}`, {
      where: folder,
      hint: 'give another folder',
    });
  }
  for (const [name, content] of Object.entries(files)) {
    const file = new NewFile(nodePath.join(folder, name));
    file.write(content);
    file.finish();
  }
}

function open(partPath: string, path: string): number {
  if (path === '')
    throw new UsageError('the name of a file is required, not an empty one', NAME_ONE);
  const status = fs.statSync(path, { throwIfNoEntry: false });
  if (status !== undefined && !status.isFile()) {
    throw new UsageError('a file is required, not a folder or device', {
      ...NAME_ONE,
      where: path,
    });
  }
  try {
    return fs.openSync(partPath, 'wx');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`the file must be in a folder that can be written, not ${code}`, {
      where: path,
      hint: 'make the folder first, or give another place',
    });
  }
}
