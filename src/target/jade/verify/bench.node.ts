/** Builds the test bench of a chip with Verilator, and plays scripts on it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CeladonError, UnsupportedError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { coreFiles, designFiles, type Files } from '../rtl/design.ts';
import type { ScriptWriter } from './script.ts';
import { chipHeader, LINT_WAIVERS, verilatorConfiguration } from '../rtl/testbench/chipHeader.ts';

const BENCH_SOURCE = fileURLToPath(new URL('../rtl/testbench/bench.cpp', import.meta.url));

/** Every file of the design and its test bench. */
export function allFiles(chip: Chip): Map<string, string> {
  return new Map([...withBench(chip, designFiles(chip)), ['lint.vlt', LINT_WAIVERS]]);
}

function withBench(chip: Chip, design: Files): Map<string, string> {
  const modules = [...design.keys()].map((name) => path.parse(name).name);
  return new Map([
    ...design,
    ['bench.cpp', fs.readFileSync(BENCH_SOURCE, 'utf8')],
    ['chip.h', chipHeader(chip)],
    ['bench.vlt', verilatorConfiguration(modules)],
  ]);
}

/** What differs, as the bench prints it; instruction −1 where it is none. */
export interface Difference {
  readonly what: 'start' | 'end' | 'values' | 'cycles' | 'fault' | 'memory' | 'store';
  readonly run: number;
  readonly instruction: number;
  readonly cycle: number;
  /** Cycles since the bench began. */
  readonly now: number;
  readonly expected: string;
  readonly found: string;
  /** First bytes that the instruction wrote, in hexadecimal. */
  readonly written: string;
}

export interface BenchResult {
  readonly programs: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly differences: readonly Difference[];
}

export interface BuildOptions {
  /** With waveforms, which makes it slower. */
  readonly trace?: boolean;
  /** Where builds are kept, by the content of their files. */
  readonly cache?: string;
}

/** A test bench ready to play. */
export interface Bench {
  readonly folder: string;
  play(script: ScriptWriter, options?: readonly string[]): BenchResult;
}

/** The bench of a chip; built at first, later found by what it is made of. Throws UnsupportedError without Verilator. */
export function buildBench(
  chip: Chip,
  { trace = false, cache = defaultCache() }: BuildOptions = {},
): Bench {
  const files = withBench(chip, coreFiles(chip));
  const folder = path.join(cache, `${chip.name}-${digestOf(files, trace)}`);
  const program = path.join(folder, 'obj_dir', 'bench');
  if (!fs.existsSync(program)) build(folder, files, trace);
  return {
    folder,
    play(script, options = []) {
      const file = path.join(folder, `script-${process.pid}.bin`);
      writeScript(file, script);
      const run = spawnSync(program, [file, ...options], { encoding: 'utf8', maxBuffer: 2 ** 24 });
      fs.rmSync(file);
      return resultOf(run.stdout, run.stderr, program);
    },
  };
}

/** Part for part, for a script may be longer than one write takes. */
export function writeScript(file: string, { parts }: ScriptWriter): void {
  const out = fs.openSync(file, 'w');
  try {
    for (const part of parts) fs.writeFileSync(out, part);
  } finally {
    fs.closeSync(out);
  }
}

function defaultCache(): string {
  return path.join(os.tmpdir(), 'celadon-rtl');
}

function digestOf(files: ReadonlyMap<string, string>, trace: boolean): string {
  const hash = createHash('sha256').update(String(trace));
  for (const [name, text] of files) hash.update(name).update(text);
  return hash.digest('hex').slice(0, 16);
}

/** In a folder of its own that gets its name when all is built. */
function build(folder: string, files: ReadonlyMap<string, string>, trace: boolean): void {
  requireVerilator();
  const part = `${folder}.${process.pid}.part`;
  fs.rmSync(part, { recursive: true, force: true });
  fs.mkdirSync(part, { recursive: true });
  for (const [name, text] of files) fs.writeFileSync(path.join(part, name), text);
  const options = trace ? ['TRACE=--trace-fst'] : [];
  const made = spawnSync('make', ['-C', part, 'bench', ...options], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (made.status !== 0) {
    throw new CeladonError(
      `the test bench must build, but make ended with ${made.status}:\n${tail(made.stderr + made.stdout)}`,
      {
        where: part,
        hint: 'run make bench there to see all of its output',
      },
    );
  }
  if (fs.existsSync(folder)) fs.rmSync(part, { recursive: true, force: true });
  else fs.renameSync(part, folder);
}

function requireVerilator(): void {
  if (spawnSync('verilator', ['--version']).status === 0) return;
  throw new UnsupportedError('Verilator must be installed to run the RTL, and is not', {
    hint: 'install it, for example with apt-get install verilator',
  });
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-20).join('\n');
}

function resultOf(stdout: string, stderr: string, program: string): BenchResult {
  try {
    return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as BenchResult;
  } catch {
    throw new CeladonError(`the test bench must print a result, not: ${tail(stderr || stdout)}`, {
      where: program,
    });
  }
}
