/** Liberty files of a folder, plain or gzipped. */
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UsageError } from '../../base/index.ts';

/** Their texts. Throws UsageError for one that is not there. */
export function readLiberty(folder: string, files: readonly string[]): string[] {
  return files.map((file) => {
    const plain = file.replace(/\.gz$/, '');
    const found = [plain, `${plain}.gz`].find((name) => fs.existsSync(path.join(folder, name)));
    if (found === undefined) {
      throw new UsageError(`${folder} must have the Liberty file ${plain}, plain or gzipped`, {
        where: folder,
        hint: 'docs/silicon.md says where the files come from',
      });
    }
    const bytes = fs.readFileSync(path.join(folder, found));
    return (found.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  });
}
