/** Reports on stdout or as files, in the format asked for. */
import path from 'node:path';
import { Option } from 'commander';
import { toCsv, toHtml, toMarkdown, type Document } from '../base/index.ts';
import { choice } from './arguments.ts';
import { documentText } from './documentText.ts';
import { writeFolder } from './newFile.ts';
import type { Output } from './output.ts';

/** How a report is written; the ending of its file. */
const FORMATS = {
  text: { ending: 'txt', write: documentText },
  md: { ending: 'md', write: toMarkdown },
  html: { ending: 'html', write: (document: Document) => toHtml(document) },
  csv: { ending: 'csv', write: toCsv },
} as const;

export interface PublishOptions {
  readonly format: keyof typeof FORMATS;
  readonly output?: string;
}

export function formatOption(): Option {
  return choice('--format <format>', 'of the report', Object.keys(FORMATS)).default('text');
}

export function outputOption(): Option {
  return new Option('-o, --output <folder>', 'write the report there, a file for each page');
}

/** The ending of pages that can link to each other; undefined where they cannot. */
export function linkEnding({ format, output }: PublishOptions): string | undefined {
  const linked = output !== undefined && (format === 'html' || format === 'md');
  return linked ? FORMATS[format].ending : undefined;
}

/** On stdout, or each as a file of the folder. Throws UsageError when it cannot be written. */
export function publish(
  documents: Readonly<Record<string, Document>>,
  { format, output: folder }: PublishOptions,
  output: Output,
): void {
  const { ending, write } = FORMATS[format];
  const pages = Object.entries(documents).map(([name, document]) => [
    `${name}.${ending}`,
    write(document, output),
  ]);
  if (folder === undefined) {
    for (const [, text] of pages) output.write(text!);
    return;
  }
  writeFolder(folder, Object.fromEntries(pages) as Record<string, string>);
  const count = `${pages.length} file${pages.length === 1 ? '' : 's'}`;
  output.note(`${count} in ${path.resolve(folder)}`);
}
