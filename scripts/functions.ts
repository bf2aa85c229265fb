import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './tree.ts';

/** A function of the source and its length in lines, from its first to its last. */
export interface FunctionLength {
  readonly path: string;
  readonly line: number;
  readonly lines: number;
}

interface Diagnostic {
  readonly message: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

/**
 * Measures every function below `folders`, shortest first. oxlint has the parser: under a limit of
 * no lines at all, its complaints are the list we want. Throws if oxlint does not answer in JSON.
 */
export function measureFunctions(...folders: string[]): FunctionLength[] {
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
  const config = join(import.meta.dirname, 'functions.oxlintrc.json');
  const { stdout } = spawnSync(
    process.execPath,
    [oxlint, '--config', config, '--format', 'json', ...folders],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
  return diagnostics.map(lengthOf).toSorted((a, b) => a.lines - b.lines);
}

function lengthOf({ message, filename, labels }: Diagnostic): FunctionLength {
  const lines = /too many lines \((\d+)\)/.exec(message)?.[1];
  if (!lines) throw new Error(`oxlint must report a length, not: ${filename}: ${message}`);
  return { path: filename.replaceAll('\\', '/'), line: labels[0]!.span.line, lines: Number(lines) };
}
