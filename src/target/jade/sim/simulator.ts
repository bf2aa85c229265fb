/**
 * The simulator (L2): values and cycles of one program, together. An instruction's values are computed
 * when it starts; by then everything it waited for has been computed, so a program whose semaphores are
 * right gives the values of its program order, and one whose semaphores are wrong does not.
 */
import { CeladonError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { NONE, QUEUES, queueOf, type Instruction } from '../isa.table.ts';
import { overlap } from './access.ts';
import { checkInstruction, checkProgram } from './check.ts';
import { execute } from './execute.ts';
import { createState, type ChipState } from './state.ts';
import { prepare, STALLS, Timing, type Prepared, type StallReason } from './timing.ts';

/** One instruction on its queue's track: `start` is when its unit (for a load, the channel) works for it. */
export interface RunEvent {
  readonly index: number;
  readonly queue: number;
  readonly start: number;
  readonly end: number;
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
export function createSimulator(chip: Chip, memoryBytes: number): Simulator {
  const state = createState(chip, memoryBytes);
  const prepared = new WeakMap<readonly Instruction[], readonly Prepared[]>();
  return {
    chip,
    memory: state.memory,
    positions: state.positions,
    local: state.local,
    run(program, options) {
      const ready = prepared.get(program) ?? prepareAll(program, state, options.maxPosition);
      prepared.set(program, ready);
      return new Run(state, ready, options).finish();
    },
  };
}

/** Checks a program and finds what timing needs of it, in program order. */
function prepareAll(
  program: readonly Instruction[],
  { chip, memory }: ChipState,
  maxPosition: number,
): Prepared[] {
  const prepared = program.map((instruction, index) => {
    checkInstruction(instruction, index, chip, { memoryBytes: memory.length, maxPosition });
    const queue = QUEUES.indexOf(queueOf(instruction.op));
    return prepare(instruction, index, queue, chip, maxPosition);
  });
  checkProgram(program, chip);
  return prepared;
}

class Run {
  private readonly state: ChipState;
  private readonly queues: readonly (readonly Prepared[])[];
  private readonly options: RunOptions;
  private readonly timing: Timing;
  private readonly next = QUEUES.map(() => 0);
  private readonly events: RunEvent[] = [];
  private readonly courses: Course[] = [];
  private inFlight: { readonly head: Prepared; readonly end: number }[] = [];
  private bytesLoaded = 0;
  private bytesStored = 0;
  private macs = 0;

  constructor(state: ChipState, program: readonly Prepared[], options: RunOptions) {
    this.state = state;
    this.queues = QUEUES.map((_, queue) => program.filter((head) => head.queue === queue));
    this.options = options;
    this.timing = new Timing(state.chip, program);
  }

  finish(): RunStats {
    this.state.fault = false;
    while (this.commitFirst());
    const { timing, bytesLoaded, bytesStored, macs, state, events, options } = this;
    const stallCycles = timing.stallCycles.map(
      (cycles) =>
        Object.fromEntries(STALLS.map((reason, i) => [reason, cycles[i]!])) as Record<
          StallReason,
          number
        >,
    );
    return {
      cycles: timing.cycles,
      busyCycles: timing.busyCycles,
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

  /** Commits the head that can start first; false when all queues are empty. */
  private commitFirst(): boolean {
    let first: Prepared | undefined;
    let start = Number.POSITIVE_INFINITY;
    let waiting = false;
    for (const [queue, instructions] of this.queues.entries()) {
      const head = instructions[this.next[queue]!];
      if (head === undefined) continue;
      waiting = true;
      const time = this.timing.earliest(head);
      if (time !== undefined && time < start) [first, start] = [head, time];
    }
    if (first !== undefined) this.commit(first, start);
    else if (waiting) throw this.deadlock();
    return first !== undefined;
  }

  private commit(head: Prepared, start: number): void {
    const rows = rowsOf(head.instruction, this.state);
    const skipped = head.instruction.op === 'load' && rows === 0;
    const { from, to, end } = this.timing.commit(head, start, rows);
    if (this.options.checkHazards === true) this.checkHazards(head, start, end);
    this.next[head.queue]!++;
    if (this.options.collectCourses === true) this.courses[head.index] = { start, end };
    if (!skipped) execute(head.instruction, this.state, rows);
    if (!skipped) this.count(head.instruction, rows);
    const { instruction, index, queue } = head;
    this.options.observe?.({ instruction, index, queue, start, end, rows }, this.state);
    if (this.options.collectEvents === true && to > from) {
      this.events.push({ index: head.index, queue: head.queue, start: from, end: to });
    }
  }

  private count({ op, fields }: Instruction, rows: number): void {
    const bytes = fields['rowBytes']! * fields['rows']! * (fields['planes'] ?? 1);
    if (op === 'load' || op === 'gather') this.bytesLoaded += bytes;
    else if (op === 'store') this.bytesStored += bytes;
    else if (op === 'matmul') this.macs += rows * fields['columns']! * fields['k']!;
  }

  /** Program order is lost when an earlier instruction that conflicts is still at work, or has yet to start. */
  private checkHazards(head: Prepared, start: number, end: number): void {
    this.inFlight = this.inFlight.filter((other) => other.end > start);
    const unfinished = [...this.inFlight.map((other) => other.head), ...this.overtakenBy(head)];
    for (const other of unfinished) {
      if (!(other.queue === head.queue ? readsLate(other, head) : conflict(other, head))) continue;
      const names = [other, head].map((h) => `${h.index} (${h.instruction.op})`);
      throw new CeladonError(
        `instructions ${names.join(' and ')} touch the same bytes at cycle ${start}`,
      );
    }
    this.inFlight.push({ head, end });
  }

  /** Instructions before `head` in the program that have not started. */
  private overtakenBy(head: Prepared): Prepared[] {
    return this.queues.flatMap((queue, i) => {
      const waiting = queue.slice(this.next[i]!);
      const later = waiting.findIndex((other) => other.index >= head.index);
      return later < 0 ? waiting : waiting.slice(0, later);
    });
  }

  private deadlock(): CeladonError {
    const heads = this.queues
      .map((queue, i) => queue[this.next[i]!])
      .filter((head) => head !== undefined);
    const waits = heads.map((head) => this.timing.describe(head)).join('; ');
    return new CeladonError(`a program must not deadlock: ${waits}`, {
      where: `cycle ${this.timing.cycles}`,
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
function readsLate({ accesses: a }: Prepared, { accesses: b, instruction }: Prepared): boolean {
  return instruction.op === 'load' && overlap(a.localWrites, b.localReads);
}

function conflict({ accesses: a }: Prepared, { accesses: b }: Prepared): boolean {
  return (
    overlap(a.localWrites, b.localWrites) ||
    overlap(a.localWrites, b.localReads) ||
    overlap(a.localReads, b.localWrites) ||
    overlap(a.memoryWrites, b.memoryReads) ||
    overlap(a.memoryReads, b.memoryWrites)
  );
}
