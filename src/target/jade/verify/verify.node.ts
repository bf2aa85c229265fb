/**
 * RTL against simulator: random programs and whole sessions of a model are run in the simulator, written
 * down, and played on the Verilated core. A difference is shrunk, explained and, on demand, drawn.
 */
import path from 'node:path';
import { type Chip } from '../../../chip/index.ts';
import { ISA, type Instruction, type Opcode } from '../isa.table.ts';
import { formatInstruction } from '../disassemble.ts';
import { prologue, type RandomProgram } from '../sim/randomProgram.ts';
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
  readonly waveform: string;
}

export interface VerifyReport {
  programs: number;
  instructions: number;
  cycles: number;
  readonly seeds: readonly [number, number];
  readonly differences: Finding[];
}

const OPCODES = Object.keys(ISA) as Opcode[];

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
  const result = bench.play(session.script.bytes, flags(options, seed));
  report.programs += result.programs;
  report.instructions += result.instructions;
  report.cycles += result.cycles;
  for (const { run } of result.differences)
    report.differences.push(explain(chip, bench, options, seed + run));
}

function flags({ jitter }: Pick<VerifyOptions, 'jitter'>, seed: number): string[] {
  return jitter === true ? ['--jitter', String(seed)] : [];
}

/** The smallest program that differs as the one of `seed` does, and its waveform. */
function explain(chip: Chip, bench: Bench, options: VerifyOptions, seed: number): Finding {
  const play = (
    one: RandomProgram,
    by = bench,
    more: readonly string[] = [],
  ): Difference | undefined => {
    const session = new SessionRecorder(chip);
    runProgram(chip, one, session);
    return by.play(session.script.bytes, [...flags(options, seed), ...more]).differences[0];
  };
  const whole = programOfSeed(chip, seed, options.length);
  const small = shrink(
    whole,
    prologue(chip, OPCODES).length,
    (smaller) => play(smaller) !== undefined,
  );
  const difference = play(small) ?? play(whole)!;
  const waveform = path.join(bench.folder, `seed-${seed}.fst`);
  play(small, buildBench(chip, { trace: true }), ['--wave', waveform]);
  const listing = small.program.map((instruction) => formatInstruction(instruction));
  return { seed, instruction: nameOf(small.program, difference), difference, listing, waveform };
}

function nameOf(program: readonly Instruction[], { instruction }: Difference): string {
  const found = program[instruction];
  return found === undefined ? 'none' : `${instruction}: ${formatInstruction(found)}`;
}
