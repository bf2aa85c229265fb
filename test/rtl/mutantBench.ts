/** One test bench of the core with all seeded bugs in it, of which each run chooses one. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseChip, type Chip } from '../../src/chip/index.ts';
import nano from '../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { CORE, TOP } from '../../src/target/jade/rtl/design.ts';
import { allFiles, writeScript } from '../../src/target/jade/verify/bench.node.ts';
import { programOfSeed, runProgram } from '../../src/target/jade/verify/programs.ts';
import { SessionRecorder } from '../../src/target/jade/verify/record.ts';
import { mutateAtRunTime, type Mutation } from './mutation.ts';
import { MUTANTS } from './mutants.table.ts';

/** jade-nano with small memories, so that random operands meet often. */
export function smallChip(): Chip {
  return parseChip(
    {
      ...nano,
      scratchpad: { sizeBytes: 8192, banks: 8 },
      accumulator: { sizeBytes: 4096, banks: 2 },
      control: { sizeBytes: 1024 },
      memory: { ...nano.memory, latencyCycles: 9 },
    },
    'small',
  );
}

/** Seeds of the programs, in the order they are played. */
export const MUTANT_SEEDS: readonly number[] = Array.from({ length: 60 }, (_, i) => i + 1);

/** Instructions drawn for each program. */
const LENGTH = 30;

/** What a run says first: the kind of a difference or the name of an assertion, and how far it came. */
export interface Kill {
  readonly by: string;
  /** Programs that were equal before. */
  readonly programs: number;
}

export interface MutantBench {
  /** Plays the programs with a mutant of the table, by index, or with none; undefined if all are equal. */
  play(mutant: number | undefined): Kill | undefined;
}

/** Builds the bench, or takes the one built before; plays the programs of `seeds`, one script each. */
export function mutantBench(chip: Chip, seeds: readonly number[]): MutantBench {
  const files = mutatedFiles(chip);
  const folder = join(tmpdir(), 'celadon-rtl', `mutants-${digestOf(files)}`);
  if (!existsSync(folder)) build(folder, files);
  const scripts = seeds.map((seed) => scriptOfSeed(folder, chip, seed));
  return {
    play(mutant) {
      const env = { ...process.env, MUTANT: String(mutant === undefined ? 0 : mutant + 1) };
      for (const [programs, script] of scripts.entries()) {
        const by = firstDifference(join(folder, 'obj_dir', 'bench'), script, env);
        if (by !== undefined) return { by, programs };
      }
      return undefined;
    },
  };
}

/** Keys of the mutants: their places in the table, from 1. */
function mutatedFiles(chip: Chip): Map<string, string> {
  const files = allFiles(chip);
  const byModule = new Map<string, Map<number, Mutation>>();
  for (const [i, mutant] of MUTANTS.entries()) {
    const known = byModule.get(mutant.module) ?? new Map<number, Mutation>();
    byModule.set(mutant.module, known.set(i + 1, mutant));
  }
  for (const [module, mutations] of byModule) {
    const name = `${module}.sv`;
    const text = files.get(name);
    if (text === undefined)
      throw new Error(`a mutant must be of a module of the chip, not ${module}`);
    files.set(name, mutateAtRunTime(text, mutations));
  }
  return files;
}

function digestOf(files: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const [name, text] of files) hash.update(name).update(text);
  return hash.digest('hex').slice(0, 16);
}

/** In a folder of its own that gets its name when all is built. */
function build(folder: string, files: ReadonlyMap<string, string>): void {
  const part = `${folder}.${process.pid}.part`;
  mkdirSync(part, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(part, name), text);
  const sources = [...files.keys()].filter(
    (name) => name.endsWith('.sv') && name !== `${TOP}.sv` && !name.startsWith('axi_'),
  );
  // Compiling takes longer than running, so the C++ is hardly optimised.
  const options = ['--cc', '--exe', '--build', '-j', '2', '--assert', '-Wno-fatal', '-Wno-lint'];
  const names = [
    '--top-module',
    CORE,
    '--Mdir',
    'obj_dir',
    '-o',
    'bench',
    '--output-split',
    '20000',
  ];
  const made = spawnSync(
    'verilator',
    [
      ...options,
      ...names,
      '-CFLAGS',
      `-O1 -I${part} -include cstdlib`,
      'bench.vlt',
      ...sources,
      'bench.cpp',
    ],
    { cwd: part, encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (made.status !== 0)
    throw new Error(`the bench must build, not ${tail(made.stderr + made.stdout)}`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(part, folder);
}

function scriptOfSeed(folder: string, chip: Chip, seed: number): string {
  const session = new SessionRecorder(chip);
  runProgram(chip, programOfSeed(chip, seed, LENGTH), session);
  const path = join(folder, `seed-${seed}.bin`);
  writeScript(path, session.script);
  return path;
}

function firstDifference(
  program: string,
  script: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { stdout, stderr } = spawnSync(program, [script], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  });
  const asserted = /Assertion failed in \S*?(\w+)(?::|\s)/.exec(stdout + stderr);
  if (asserted !== null) return `assertion ${asserted[1]}`;
  const line = stdout.trimEnd().split('\n').at(-1)!;
  if (!line.startsWith('{'))
    throw new Error(`the bench must print a result, not ${tail(stderr + stdout)}`);
  const { differences } = JSON.parse(line) as { differences: { what: string }[] };
  return differences[0]?.what;
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n');
}
