/** celadon cache: the prepared weights and the emitted code that are kept, and their removal. */
import type { Command } from 'commander';
import { formatBytes } from '../base/index.ts';
import { clearCode, clearImages, listCode, listImages } from '../target/cpu/index.ts';
import { Output, type GlobalOptions } from './output.ts';
import { codeFolder, imageFolder, imageLimitBytes } from './weightImages.ts';

interface CacheOptions extends GlobalOptions {
  readonly clear?: boolean;
}

export function addCache(program: Command): void {
  program
    .command('cache')
    .description('weights prepared for this machine, and code, kept between runs')
    .option('--clear', 'remove them')
    .action((_: unknown, command: Command) => cache(command.optsWithGlobals<CacheOptions>()));
}

function cache(options: CacheOptions): void {
  const output = new Output(options);
  const folder = imageFolder();
  const images = listImages(folder);
  const code = listCode(codeFolder());
  if (options.clear) {
    clearImages(folder);
    clearCode(codeFolder());
  }
  const [bytes, codeBytes] = [images, code].map((files) =>
    files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  ) as [number, number];
  const limitBytes = imageLimitBytes();
  const removed = options.clear ?? false;
  if (output.json) {
    output.result({
      ...{ folder, models: images.length, bytes, limitBytes, removed },
      ...{ codeFolder: codeFolder(), codeBytes },
    });
    return;
  }
  const amount = `${images.length} ${images.length === 1 ? 'model' : 'models'}, ${formatBytes(bytes)}`;
  output.write(
    `${folder}: ${removed ? `removed ${amount}` : `${amount} of at most ${formatBytes(limitBytes)}`}\n` +
      `${codeFolder()}: ${removed ? 'removed ' : ''}${formatBytes(codeBytes)} of code\n`,
  );
}
