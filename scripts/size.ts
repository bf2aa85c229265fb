// Lines with code in each folder of src/, against the budget in size.json. Comments, blank lines and
// tests are free. A budget may be raised by changing one line; the reason goes into the commit.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf } from './floors.ts';
import { measureFunctions } from './functions.ts';
import { countCodeLines } from './tokens.ts';
import { isTest, readFiles, root } from './tree.ts';

/** One row of the table; `budget` is undefined for a folder that size.json does not name. */
export interface Size {
  readonly folder: string;
  readonly files: number;
  readonly lines: number;
  readonly budget: number | undefined;
}

/** Measures the folders that have files or a budget, in the order of the budget. */
export function measureSizes(
  sources: ReadonlyMap<string, string>,
  budgets: Readonly<Record<string, number>>,
): Size[] {
  const code = [...sources].filter(([path]) => !isTest(path));
  const byFolder = Map.groupBy(code, ([path]) => folderOf(path) ?? path);
  return [...new Set([...Object.keys(budgets), ...byFolder.keys()])].map((folder) => {
    const files = byFolder.get(folder) ?? [];
    const lines = files.reduce((sum, [, source]) => sum + countCodeLines(source), 0);
    return { folder, files: files.length, lines, budget: budgets[folder] };
  });
}

/** What is wrong with the sizes, one sentence each. */
export function checkSizes(sizes: readonly Size[]): string[] {
  return sizes
    .filter(({ lines, budget }) => budget === undefined || lines > budget)
    .map(({ folder, lines, budget }) =>
      budget === undefined
        ? `size.json: must name a budget for ${folder}, which has ${lines} lines`
        : `src/${folder}: must have at most ${budget} lines with code (size.json), not ${lines}`,
    );
}

function printTable(sizes: readonly Size[]): void {
  const total = {
    folder: 'total',
    files: sizes.reduce((sum, { files }) => sum + files, 0),
    lines: sizes.reduce((sum, { lines }) => sum + lines, 0),
    budget: sizes.reduce((sum, { budget = 0 }) => sum + budget, 0),
  };
  console.log('folder             files    lines   budget');
  for (const { folder, files, lines, budget = '-' } of [...sizes, total])
    console.log(
      folder.padEnd(16) + [files, lines, budget].map((cell) => `${cell}`.padStart(8)).join(' '),
    );
}

function printFunctions(): void {
  const functions = measureFunctions('src');
  const at = (part: number) => functions[Math.floor(part * (functions.length - 1))]?.lines ?? 0;
  const longest = functions.at(-1);
  const where = longest ? ` (${longest.path}:${longest.line})` : '';
  console.log(
    `\n${functions.length} functions; lines: median ${at(0.5)}, p90 ${at(0.9)}, longest ${at(1)}${where}`,
  );
}

function main(): void {
  const budgets = JSON.parse(readFileSync(join(root, 'size.json'), 'utf8'));
  const sizes = measureSizes(readFiles('src/**/*.ts'), budgets);
  const problems = checkSizes(sizes);
  printTable(sizes);
  printFunctions();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (import.meta.main) main();
