/**
 * The simulator (L2): values and cycles of one program, together. An instruction's values are computed
 * when it starts; by then everything it waited for has been computed, so a program whose semaphores are
 * right gives the values of its program order, and one whose semaphores are wrong does not.
 */
import { CeladonError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import type { Dot } from '../arith/dot.ts';
import { fastDot } from '../arith/fastDot.ts';
import { NONE, QUEUES, type Instruction } from '../isa.table.ts';
import { accesses, overlap, type Accesses } from './access.ts';
import { checkInstruction } from './check.ts';
import { checkProgram } from './checkProgram.ts';
import { execute } from './execute.ts';
import { createState, type ChipState } from './state.ts';
import { NONE_LEFT, TimedProgram } from './timedProgram.ts';
import { STALLS, type StallReason } from './heads.ts';
import { Timing } from './timing.ts';

/** One instruction on its queue's track: `start` is when its unit (for a load, the channel) works for it. */
export interface RunEvent {
  readonly index: number;
  readonly queue: number;
  readonly start: number;
  readonly end: number;
  /** Rows it really worked on. */
  readonly rows: number;
}

/** When an instruction starts, and when it is complete: what the hardware shows of it. */
export interface Course {
  readonly start: number;
  readonly end: number;
}

export interface RunStats {
  readonly cycles: number;
  /** By queue, in the order of QUEUES. */
  readonly busyCycles: readonly number[];
  readonly memoryBusyCycles: number;
  readonly bytesLoaded: number;
  readonly bytesStored: number;
  /** Multiply-accumulates with real row counts. */
  readonly macs: number;
  /** Cycles each queue waited: [queue][reason]. */
  readonly stallCycles: readonly Readonly<Record<StallReason, number>>[];
  /** Whether a list held an index outside of its table. */
  readonly fault: boolean;
  readonly events?: readonly RunEvent[];
  /** Of all instructions, in program order. */
  readonly courses?: readonly Course[];
}

/** An instruction that has run: when it started and completed, and the rows it worked on. */
export interface Commit {
  readonly instruction: Instruction;
  readonly index: number;
  readonly queue: number;
  readonly start: number;
  readonly end: number;
  readonly rows: number;
}

export interface RunOptions {
  /** Largest value the position registers may have; bounds what transfers may touch. */
  readonly maxPosition: number;
  readonly collectEvents?: boolean;
  readonly collectCourses?: boolean;
  /** Called after each instruction, in the order of their starts, with what the chip holds then. */
  readonly observe?: (commit: Commit, state: ChipState) => void;
  /** Throw when conflicting instructions overlap in time, or lose their order in the program. */
  readonly checkHazards?: boolean;
}

export interface Simulator {
  readonly chip: Chip;
  readonly memory: Uint8Array;
  readonly positions: Int32Array;
  readonly local: Uint8Array;
  run(program: readonly Instruction[], options: RunOptions): RunStats;
}

/** A chip with `memoryBytes` of its external memory, all zero. */
export function createSimulator(chip: Chip, memoryBytes: number, dot: Dot = fastDot): Simulator {
  const state = createState(chip, memoryBytes, dot);
  const prepared = new WeakMap<readonly Instruction[], Checked>();
  return {
    chip,
    memory: state.memory,
    positions: state.positions,
    local: state.local,
    run(program, options) {
      const ready = prepared.get(program) ?? checkedProgram(program, state, options.maxPosition);
      prepared.set(program, ready);
      return new Run(state, ready, options).finish();
    },
  };
}

/** A program that may run, and what its instructions touch. */
interface Checked {
  readonly timed: TimedProgram;
  readonly accesses: readonly Accesses[];
}

function checkedProgram(
  program: readonly Instruction[],
  { chip, memory }: ChipState,
  maxPosition: number,
): Checked {
  const limits = { memoryBytes: memory.length, maxPosition };
  program.forEach((instruction, index) => checkInstruction(instruction, index, chip, limits));
  checkProgram(program, chip);
  return {
    timed: new TimedProgram(chip, program),
    accesses: program.map((instruction) => accesses(instruction, maxPosition)),
  };
}

class Run {
  private readonly state: ChipState;
  private readonly program: Checked;
  private readonly options: RunOptions;
  private readonly timing: Timing;
  private readonly events: RunEvent[] = [];
  private readonly courses: Course[] = [];
  /** By queue, then by reason. */
  private readonly stallCycles = QUEUES.map(() => new Float64Array(STALLS.length));
  private inFlight: { readonly index: number; readonly end: number }[] = [];
  private bytesLoaded = 0;
  private bytesStored = 0;
  private macs = 0;

  constructor(state: ChipState, program: Checked, options: RunOptions) {
    this.state = state;
    this.program = program;
    this.options = options;
    this.timing = new Timing(program.timed);
  }

  finish(): RunStats {
    this.state.fault = false;
    while (this.timing.take()) this.commit();
    this.timing.requireEnd();
    const { timing, bytesLoaded, bytesStored, macs, state, events, options } = this;
    const stallCycles = this.stallCycles.map(
      (cycles) =>
        Object.fromEntries(STALLS.map((reason, i) => [reason, cycles[i]!])) as Record<
          StallReason,
          number
        >,
    );
    return {
      cycles: timing.cycles,
      busyCycles: [...timing.busyCycles],
      memoryBusyCycles: timing.channelBusyCycles,
      bytesLoaded,
      bytesStored,
      macs,
      stallCycles,
      fault: state.fault,
      ...(options.collectEvents === true && { events }),
      ...(options.collectCourses === true && { courses: this.courses }),
    };
  }

  private commit(): void {
    const { index, queue, start } = this.timing;
    const instruction = this.program.timed.instructions[index]!;
    const rows = rowsOf(instruction, this.state);
    this.timing.setRows(index, rows);
    this.timing.commit();
    const { waited, reason } = this.timing;
    const { from, to, end } = this.timing.course;
    this.stallCycles[queue]![reason]! += waited;
    if (this.options.checkHazards === true) this.checkHazards(index, end);
    if (this.options.collectCourses === true) this.courses[index] = { start, end };
    if (instruction.op !== 'load' || rows > 0) {
      execute(instruction, this.state, rows);
      this.count(instruction, rows);
    }
    if (this.options.collectEvents === true && to > from)
      this.events.push({ index, queue, start: from, end: to, rows });
    this.options.observe?.({ instruction, index, queue, start, end, rows }, this.state);
  }

  private count({ op, fields }: Instruction, rows: number): void {
    const bytes = fields['rowBytes']! * fields['rows']! * (fields['planes'] ?? 1);
    if (op === 'load' || op === 'gather') this.bytesLoaded += bytes;
    else if (op === 'store') this.bytesStored += bytes;
    else if (op === 'matmul') this.macs += rows * fields['columns']! * fields['k']!;
  }

  /** Program order is lost when an earlier instruction that conflicts is still at work, or has yet to start. */
  private checkHazards(index: number, end: number): void {
    const { timed, accesses: touched } = this.program;
    const { start } = this.timing;
    const { op } = timed.instructions[index]!;
    this.inFlight = this.inFlight.filter((other) => other.end > start);
    const unfinished = [...this.inFlight.map((other) => other.index), ...this.overtakenBy(index)];
    for (const other of unfinished) {
      const [a, b] = [touched[other]!, touched[index]!];
      const sameQueue = timed.queues[other] === timed.queues[index];
      if (!(sameQueue ? op === 'load' && readsLate(a, b) : conflict(a, b))) continue;
      const names = [other, index].map((i) => `${i} (${timed.instructions[i]!.op})`);
      throw new CeladonError(
        `instructions ${names.join(' and ')} touch the same bytes at cycle ${start}`,
      );
    }
    this.inFlight.push({ index, end });
  }

  /** Instructions before `index` in the program that have not started. */
  private overtakenBy(index: number): number[] {
    const { following } = this.program.timed;
    return QUEUES.flatMap((_, queue) => {
      const overtaken: number[] = [];
      let other = this.timing.headOf(queue) ?? index;
      for (; other !== NONE_LEFT && other < index; other = following[other]!) overtaken.push(other);
      return overtaken;
    });
  }
}

/** Rows an instruction really works on; for a load, 0 when it is skipped. */
function rowsOf({ op, fields }: Instruction, { localI32 }: ChipState): number {
  const pointer = op === 'load' ? fields['unless']! : fields['rowCount'];
  const rows = fields['rows']!;
  if (pointer === undefined || pointer === NONE) return rows;
  const count = localI32[pointer / 4]!;
  return op === 'load' ? (count === 0 ? 0 : rows) : Math.min(Math.max(count, 0), rows);
}

/** Loads land in order, but the word that a load tests must be there when it is issued. */
function readsLate(a: Accesses, b: Accesses): boolean {
  return overlap(a.localWrites, b.localReads);
}

function conflict(a: Accesses, b: Accesses): boolean {
  return (
    overlap(a.localWrites, b.localWrites) ||
    overlap(a.localWrites, b.localReads) ||
    overlap(a.localReads, b.localWrites) ||
    overlap(a.memoryWrites, b.memoryReads) ||
    overlap(a.memoryReads, b.memoryWrites)
  );
}
