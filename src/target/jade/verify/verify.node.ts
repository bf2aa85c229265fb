/**
 * RTL against simulator: random programs and whole sessions of a model are run in the simulator, written
 * down, and played on the Verilated core. A difference is shrunk, explained and, on demand, drawn.
 */
import path from 'node:path';
import type { Chip } from '../../../chip/index.ts';
import type { Instruction } from '../isa.table.ts';
import { formatInstruction } from '../disassemble.ts';
import { prologueOf, type RandomProgram } from '../sim/randomProgram.ts';
import { buildBench, type Bench, type Difference } from './bench.node.ts';
import { programOfSeed, runProgram, shrink } from './programs.ts';
import { SessionRecorder } from './record.ts';

export interface VerifyOptions {
  readonly programs: number;
  /** Instructions drawn for each program. */
  readonly length: number;
  /** Of the first program; the others follow. */
  readonly seed: number;
  /** Random pauses of memory and instruction stream; then only results are compared. */
  readonly jitter?: boolean;
  /** Draw the first difference: builds the RTL once more, with waveforms. */
  readonly wave?: boolean;
  /** Called as programs pass. */
  readonly progress?: (programs: number) => void;
}

/** A difference of a program, made small. */
export interface Finding {
  readonly seed: number;
  readonly instruction: string;
  readonly difference: Difference;
  /** Instructions of the smallest program that still differs. */
  readonly listing: readonly string[];
  readonly waveform?: string;
}

export interface VerifyReport {
  programs: number;
  instructions: number;
  cycles: number;
  readonly seeds: readonly [number, number];
  readonly differences: Finding[];
}

/** Programs in one script: the bench starts once for all of them. */
const BATCH = 20;

/** Random programs on the RTL of `chip`; stops at the first that differs. */
export function verifyPrograms(chip: Chip, options: VerifyOptions): VerifyReport {
  const bench = buildBench(chip);
  const seeds = [options.seed, options.seed + options.programs - 1] as const;
  const report: VerifyReport = { programs: 0, instructions: 0, cycles: 0, seeds, differences: [] };
  for (let first = 0; first < options.programs && report.differences.length === 0; first += BATCH) {
    const count = Math.min(BATCH, options.programs - first);
    playBatch(chip, bench, options, options.seed + first, count, report);
    options.progress?.(report.programs);
  }
  return report;
}

function playBatch(
  chip: Chip,
  bench: Bench,
  options: VerifyOptions,
  seed: number,
  count: number,
  report: VerifyReport,
): void {
  const session = new SessionRecorder(chip);
  for (let i = 0; i < count; i++)
    runProgram(chip, programOfSeed(chip, seed + i, options.length), session);
  const result = bench.play(session.script, flags(options, seed));
  report.programs += result.programs;
  report.instructions += result.instructions;
  report.cycles += result.cycles;
  for (const difference of result.differences)
    report.differences.push(explain(chip, bench, options, seed + difference.run, difference));
}

function flags({ jitter }: Pick<VerifyOptions, 'jitter'>, seed: number): string[] {
  return jitter === true ? ['--jitter', String(seed)] : [];
}

/** The smallest program that differs as the one of `seed` did among others; its waveform if wanted. */
function explain(
  chip: Chip,
  bench: Bench,
  options: VerifyOptions,
  seed: number,
  among: Difference,
): Finding {
  const play = (
    one: RandomProgram,
    by = bench,
    more: readonly string[] = [],
  ): Difference | undefined => {
    const session = new SessionRecorder(chip);
    runProgram(chip, one, session);
    return by.play(session.script, [...flags(options, seed), ...more]).differences[0];
  };
  const whole = programOfSeed(chip, seed, options.length);
  const small = shrink(
    whole,
    prologueOf(chip, 'all memories').length,
    (smaller) => play(smaller) !== undefined,
  );
  const difference = play(small) ?? among;
  const listing = small.program.map((instruction) => formatInstruction(instruction));
  const instruction = nameOf(small.program, difference);
  const finding: Finding = { seed, instruction, difference, listing };
  if (options.wave !== true) return finding;
  const waveform = path.join(bench.folder, `seed-${seed}.fst`);
  play(small, buildBench(chip, { trace: true }), ['--wave', waveform]);
  return { ...finding, waveform };
}

function nameOf(program: readonly Instruction[], { instruction }: Difference): string {
  const found = program[instruction];
  return found === undefined ? 'none' : `${instruction}: ${formatInstruction(found)}`;
}
