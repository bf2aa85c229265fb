/** Where the cpu keeps prepared weights from one run to the next, and how much of them. */
import os from 'node:os';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { UsageError } from '../base/index.ts';
import { type Model } from '../model/index.ts';
import { type ImageStore } from '../target/cpu/index.ts';

const VARIABLE = 'CELADON_CACHE_GIB';
const DEFAULT_GIB = 32;
/** Less is prepared in less time than one looks for its image. */
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

/** Where images of the model are kept, if they are: what is packed as fast as it is read needs none. */
export async function imagesOf({ checkpoint }: Model): Promise<ImageStore | undefined> {
  const limitBytes = imageLimitBytes();
  const { folderStore, isWordFormat } = await import('../target/cpu/index.ts');
  const bytes = checkpoint
    .tensorNames()
    .map((name) => checkpoint.info(name))
    .filter(({ dtype }) => !isWordFormat(dtype))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const key = bytes >= LEAST_BYTES && limitBytes > 0 ? checkpoint.contentKey() : undefined;
  if (key === undefined) return undefined;
  return folderStore(imageFolder(), `celadon ${packageJson.version} ${key}`, limitBytes);
}
