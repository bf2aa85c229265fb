import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The repository's root folder. */
export const root = dirname(import.meta.dirname);

/** The paths under the root that match, sorted, with forward slashes on every platform. */
export function findFiles(...patterns: string[]): string[] {
  const paths = globSync(patterns, { cwd: root }).map((path) => path.replaceAll('\\', '/'));
  return paths.toSorted();
}

/** The matching files' texts by path from the root. */
export function readFiles(...patterns: string[]): Map<string, string> {
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  return new Map(findFiles(...patterns).map((path) => [path, read(path)]));
}

/** Whether a file is a test, which may do what the product may not. */
export const isTest = (path: string): boolean => path.endsWith('.test.ts');
