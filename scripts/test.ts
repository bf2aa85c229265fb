// node bin/run.cjs scripts/test.ts [GROUP] [OPTION...]
//
// Runs the tests of a group on node:test; options go to its runner. A group is named for what its
// tests need. The default group needs nothing and is linted first; the others live in test/GROUP/ or
// in files named *.GROUP.test.ts, and are never part of the default; thorough has the files of the
// default that leave cases to it (test/portion.ts), with all their cases.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lint } from './lint.ts';
import { findFiles, root } from './tree.ts';

/** What the tests of each group need beyond this repository. */
const GROUPS = {
  thorough: 'minutes',
  models: 'the demo models, and minutes',
  rtl: 'Verilator, Yosys or Icarus',
  assembler: 'GNU as',
  browser: 'Chromium',
  redis: 'Redis or Valkey',
  gpu: 'a WebGPU adapter',
};

/** Programs of which a group needs at least one; a test says itself, as it skips, which it lacks. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  rtl: ['verilator', 'yosys', 'iverilog'],
  browser: ['chromium', 'chromium-browser', 'google-chrome'],
  redis: ['valkey-server', 'redis-server'],
  assembler: ['objdump'], // comes with as, which would wait for text
};

/** The exit code that says: nothing was tested, and that is no pass. */
const UNAVAILABLE = 3;

/** The test files of a group, or of the default group. */
export function selectTests(paths: readonly string[], group?: string): string[] {
  const groupOf = (path: string): string | undefined =>
    Object.keys(GROUPS).find(
      (name) => path.startsWith(`test/${name}/`) || path.endsWith(`.${name}.test.ts`),
    );
  return paths.filter((path) => groupOf(path) === group);
}

/** Of the default group, the files that leave cases to the group thorough. */
export function selectPortions(paths: readonly string[]): string[] {
  return selectTests(paths).filter((path) =>
    readFileSync(join(root, path), 'utf8').includes("/portion.ts'"),
  );
}

/** Whether one of the group's programs is installed, or it has none. */
export function hasProgram(group: string, programs = PROGRAMS[group] ?? []): boolean {
  const installed = (program: string) => spawnSync(program, ['-V']).error === undefined;
  return programs.length === 0 || programs.some(installed);
}

function runTests(group: string, files: readonly string[], options: readonly string[]): boolean {
  const runner = ['--test', '--test-reporter=spec', '--test-concurrency=2', ...options, ...files];
  const env = { ...process.env, CELADON_TESTS: group };
  return spawnSync(process.execPath, runner, { cwd: root, env, stdio: 'inherit' }).status === 0;
}

function main([group = 'default', ...options]: readonly string[]): number {
  const needs = group === 'default' ? 'nothing' : GROUPS[group as keyof typeof GROUPS];
  if (needs === undefined) {
    const groups = ['default', ...Object.keys(GROUPS)].join(', ');
    console.error(`the group must be one of ${groups}, not ${group}`);
    return 2;
  }
  const tests = findFiles('src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts');
  const files =
    group === 'thorough'
      ? selectPortions(tests)
      : selectTests(tests, group === 'default' ? undefined : group);
  if (files.length === 0) {
    console.error(`not available: ${group}: no tests in this group yet (they will need ${needs})`);
    return UNAVAILABLE;
  }
  if (!hasProgram(group)) {
    console.error(`not available: ${group}: it needs ${needs}, and none is installed`);
    return UNAVAILABLE;
  }
  const failed = group === 'default' ? lint() : [];
  const passed = runTests(group, files, options);
  if (failed.length > 0) console.error(`\nlint failed above: ${failed.join(', ')}`);
  return passed && failed.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
