/** Runs programs in the simulator and writes down, for the test bench of the RTL, all that they did. */
import type { Chip } from '../../../chip/index.ts';
import type { HostObserver } from '../device.ts';
import { encode } from '../encode.ts';
import type { Instruction } from '../isa.table.ts';
import type { Commit, RunOptions, RunStats } from '../sim/simulator.ts';
import type { ChipState } from '../sim/state.ts';
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

function traceOf(
  { instruction, queue, start, end, rows }: Commit,
  state: ChipState,
): InstructionTrace {
  const writes = writesOf(instruction, state, rows);
  const digest = writes.reduce((hash, { space, address, bytes }) => {
    const source = space === 'chip' ? state.local : state.memory;
    return digestBytes(source, address, address + bytes, hash);
  }, EMPTY_DIGEST);
  return { queue, start, end, digest, writes };
}

/** The script of a session: all that a host does with the chip, and what the simulator says of it. */
export class SessionRecorder implements HostObserver {
  private writer = new ScriptWriter();
  private memory: Uint8Array | undefined;
  private readonly chip: Chip;
  private readonly programs = new Map<readonly Instruction[], number>();
  private recorder = new RunRecorder();

  constructor(chip: Chip) {
    this.chip = chip;
  }

  get script(): ScriptWriter {
    return this.writer;
  }

  /** Forgets all that was done; the script begins with the memory as that has left it. */
  restart(): void {
    this.writer = new ScriptWriter();
    this.programs.clear();
    if (this.memory !== undefined) this.loaded(this.memory);
  }

  loaded(memory: Uint8Array): void {
    this.memory = memory;
    this.writer.memorySize(memory.length);
    this.writer.writeMemory(0, memory);
  }

  wrote(address: number, bytes: Uint8Array): void {
    this.writer.writeMemory(address, bytes);
  }

  positioned(positions: Int32Array): void {
    positions.forEach((value, index) => this.writer.position(index, value));
  }

  begins(): RunRecorder['observe'] {
    this.recorder = new RunRecorder();
    return this.recorder.observe;
  }

  ran(program: readonly Instruction[], { cycles, fault }: RunStats): void {
    this.writer.run(this.idOf(program), cycles, fault, this.recorder.traces);
  }

  read(address: number, bytes: Uint8Array): void {
    const digest = digestBytes(bytes, 0, bytes.length, EMPTY_DIGEST);
    this.writer.checkMemory(address, bytes.length, digest);
  }

  /** A program is written once; runs refer to it. */
  private idOf(program: readonly Instruction[]): number {
    const known = this.programs.get(program);
    if (known !== undefined) return known;
    const id = this.programs.size;
    this.programs.set(program, id);
    this.writer.program(id, encode(program, this.chip), program.length);
    return id;
  }
}
