/** Where the cpu keeps prepared weights from one run to the next, and how much of them. */
import os from 'node:os';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { UsageError } from '../base/index.ts';
import { type Model } from '../model/index.ts';
import { type ImageStore } from '../target/cpu/index.ts';

const VARIABLE = 'CELADON_CACHE_GIB';
const DEFAULT_GIB = 32;
/** Smaller models are prepared in less time than one looks for their image. */
const LEAST_BYTES = 2 ** 26;

/** The folder with the images. */
export function imageFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  return path.join(cache, 'celadon', 'weights');
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

/** Where images of the model are kept, if they are. */
export async function imagesOf({ checkpoint }: Model): Promise<ImageStore | undefined> {
  const limitBytes = imageLimitBytes();
  const stored = checkpoint.tensorNames().map((name) => checkpoint.info(name).sizeBytes);
  const isLarge = stored.reduce((sum, bytes) => sum + bytes, 0) >= LEAST_BYTES;
  const key = isLarge && limitBytes > 0 ? checkpoint.contentKey() : undefined;
  if (key === undefined) return undefined;
  const { folderStore } = await import('../target/cpu/index.ts');
  return folderStore(imageFolder(), `celadon ${packageJson.version} ${key}`, limitBytes);
}
