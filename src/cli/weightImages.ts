/** What the cpu keeps from one run to the next: code that it has emitted, and prepared weights, and how much of them. */
import os from 'node:os';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { UsageError } from '../base/index.ts';
import type { Model } from '../model/index.ts';
import type { ImageStore, Readers } from '../target/cpu/index.ts';

const VARIABLE = 'CELADON_CACHE_GIB';
const DEFAULT_GIB = 32;
/** Less is prepared in less time than one looks for its image. */
const LEAST_BYTES = 2 ** 26;

/** The folder with the images. */
export function imageFolder(): string {
  return cacheFolder('weights');
}

/** The folder with emitted code. */
export function codeFolder(): string {
  return cacheFolder('code');
}

function cacheFolder(name: string): string {
  const cache = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  return path.join(cache, 'celadon', name);
}

/** The most bytes that images may take; 0: none is kept. Throws UsageError for what is no number. */
export function imageLimitBytes(): number {
  const text = process.env[VARIABLE];
  const gib = text === undefined || text === '' ? DEFAULT_GIB : Number(text);
  if (gib >= 0 && gib < Infinity) return gib * 2 ** 30;
  throw new UsageError(`${VARIABLE} must be a number from 0, of GiB, not ${JSON.stringify(text)}`, {
    where: 'environment',
    hint: `leave it out for ${DEFAULT_GIB}, or give 0 to keep none`,
  });
}

/** How weights come into memory: from an image, or read by several threads. */
export interface WeightLoading {
  readonly images?: ImageStore | undefined;
  readonly readers?: Readers | undefined;
}

/** What is packed as fast as it is read needs no image, and readers start while the model is compiled. */
export async function loadingOf({ checkpoint }: Model, threads: number): Promise<WeightLoading> {
  const limitBytes = imageLimitBytes();
  const { folderStore, isWordFormat, openReaders } = await import('../target/cpu/index.ts');
  const bytes = { read: 0, kept: 0 };
  for (const name of checkpoint.tensorNames()) {
    const { dtype, sizeBytes } = checkpoint.info(name);
    bytes[isWordFormat(dtype) ? 'read' : 'kept'] += sizeBytes;
  }
  const key = bytes.kept >= LEAST_BYTES && limitBytes > 0 ? checkpoint.contentKey() : undefined;
  if (key === undefined) return { readers: openReaders(threads, bytes.read) };
  const content = `celadon ${packageJson.version} ${key}`;
  return { images: folderStore(imageFolder(), content, limitBytes) };
}
