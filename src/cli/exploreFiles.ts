/** What `celadon explore --report` writes: the ending of a file says what. */
import path from 'node:path';
import { toMarkdown, UsageError } from '../base/index.ts';
import {
  csvLines,
  frontSvg,
  jsonChunks,
  parquetBytes,
  studyDocument,
  studyHtml,
  type PageOptions,
  type ReadableStudy,
} from '../explore/index.ts';
import { NewFile } from './newFile.ts';

type Write = (
  study: ReadableStudy,
  options: PageOptions,
) => Iterable<string | Uint8Array> | Promise<Iterable<string | Uint8Array>>;

const WRITERS: Readonly<Record<string, Write>> = {
  '.html': (study, options) => [studyHtml(study, options)],
  '.md': (study, options) => [toMarkdown(studyDocument(study, options))],
  '.svg': (study, { references }) => [frontSvg(study, references)],
  '.csv': (study) => csvLines(study),
  '.json': (study) => jsonChunks(study),
  '.parquet': async (study) => [await parquetBytes(study)],
};

/** Throws UsageError for an ending that means nothing here. */
export function requireReports(files: readonly string[]): void {
  const wrong = files.find((file) => WRITERS[path.extname(file)] === undefined);
  if (wrong === undefined) return;
  throw new UsageError(`reports must end in ${Object.keys(WRITERS).join(', ')}, not ${wrong}`, {
    where: '--report',
    hint: 'for example --report front.html points.csv',
  });
}

/** Each appears when it is complete. */
export async function writeReports(
  files: readonly string[],
  study: ReadableStudy,
  options: PageOptions,
): Promise<void> {
  for (const name of files) {
    const parts = await WRITERS[path.extname(name)]!(study, options);
    const file = new NewFile(name);
    for (const part of parts) file.write(part);
    file.finish();
  }
}
