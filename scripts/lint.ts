// Everything that is checked without running the product: one line for each check, and below it what
// the check said if it failed.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './tree.ts';

/** Each check: its name, then the script to run with this Node and its arguments. */
const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['oxlint', 'node_modules/oxlint/bin/oxlint', '--deny-warnings'],
  ['oxfmt', 'node_modules/oxfmt/bin/oxfmt', '--check', '.'],
  ['tsc', 'node_modules/typescript/bin/tsc', '-p', '.'],
  ['floors', 'scripts/floors.ts'],
  ['size', 'scripts/size.ts'],
];

/** Runs all checks, prints their results, and returns the names of those that failed. */
export function lint(): string[] {
  return CHECKS.filter((check) => !passes(check)).map(([name]) => name);
}

function passes([name, script, ...args]: readonly [string, ...string[]]): boolean {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, script!), ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${name.padEnd(8)}${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
  if (status !== 0) console.log(`${stdout}${stderr}`.replace(/^(?=.)/gm, '  '));
  return status === 0;
}

if (import.meta.main) process.exitCode = lint().length > 0 ? 1 : 0;
