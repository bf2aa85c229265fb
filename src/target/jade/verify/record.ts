/** Runs programs in the simulator and writes down, for the test bench of the RTL, all that they did. */
import { type Chip } from '../../../chip/index.ts';
import { encode } from '../encode.ts';
import { type Instruction } from '../isa.table.ts';
import { type Commit, type RunOptions, type RunStats } from '../sim/simulator.ts';
import { type ChipState } from '../sim/state.ts';
import { digestBytes, EMPTY_DIGEST } from './digest.ts';
import { ScriptWriter, type InstructionTrace } from './script.ts';
import { writesOf } from './writes.ts';

/** What one run did, by instruction in program order. */
export class RunRecorder {
  readonly traces: InstructionTrace[] = [];

  /** For `RunOptions.observe`. */
  readonly observe: NonNullable<RunOptions['observe']> = (commit, state) => {
    this.traces[commit.index] = traceOf(commit, state);
  };
}

function traceOf({ instruction, queue, start, end, rows }: Commit, state: ChipState): InstructionTrace {
  const writes = writesOf(instruction, state, rows);
  const digest = writes.reduce((hash, { space, address, bytes }) => {
    const source = space === 'chip' ? state.local : state.memory;
    return digestBytes(source, address, address + bytes, hash);
  }, EMPTY_DIGEST);
  return { queue, start, end, digest, writes };
}

/** The script of a session: programs are written once, runs refer to them. */
export class SessionRecorder {
  readonly script = new ScriptWriter();
  instructions = 0;
  cycles = 0;
  private readonly chip: Chip;
  private readonly programs = new Map<readonly Instruction[], number>();

  constructor(chip: Chip) {
    this.chip = chip;
  }

  /** A run of `program` with these traces; of the chip and memory as the script so far leaves them. */
  run(program: readonly Instruction[], stats: RunStats, traces: readonly InstructionTrace[]): void {
    this.script.run(this.idOf(program), stats.cycles, stats.fault, traces);
    this.instructions += program.length;
    this.cycles += stats.cycles;
  }

  private idOf(program: readonly Instruction[]): number {
    const known = this.programs.get(program);
    if (known !== undefined) return known;
    const id = this.programs.size;
    this.programs.set(program, id);
    this.script.program(id, encode(program, this.chip), program.length);
    return id;
  }
}
