/**
 * The order of the program is the order in which its instructions can start. Lowerings write what follows
 * from what; here the units work through it, and whatever can start first comes next. The dispatcher
 * takes instructions in program order into short queues: in this order none holds up what could start
 * before it, and weights run ahead as far as the bytes they overwrite are free.
 *
 * Each queue keeps its own order, but for loads: those that must wait for this step's results (the state
 * just stored, the experts just chosen) stand apart from the independent ones, which go past them. An
 * independent load comes when the memory channel would run dry without it; a dependent one that is ready
 * by then goes first, because the units wait for it.
 *
 * Each instruction comes after those it depends on, so the program means the same and cannot deadlock.
 * Times are those of the units and ports; experts are taken to have the same number of rows each.
 */
import type { Chip } from '../../../chip/index.ts';
import { NONE, QUEUES, queueOf, type Instruction } from '../isa.table.ts';
import { balanced, rowsOf } from '../levels/tileEvents.ts';
import { accesses, overlap, type ByteRange } from '../sim/access.ts';
import { Ports } from '../sim/ports.ts';
import { portsHeld } from '../sim/portUse.ts';
import { LOAD_COMMAND_CYCLES } from '../sim/transferTiming.ts';
import { Units } from '../sim/units.ts';
import { dependenciesOf } from './dependencies.ts';
import type { LabelledInstruction } from './program.ts';

/** Streams are the queues and one more, of the dependent loads. */
const LOAD = QUEUES.indexOf('load');
const STORE = QUEUES.indexOf('store');
const DEPENDENT = QUEUES.length;
/** Of those that can start in the same cycle: what others wait for first. */
const PRECEDENCE = [DEPENDENT, ...QUEUES.keys()];
const NEVER = Number.POSITIVE_INFINITY;

export function orderInstructions(
  program: readonly LabelledInstruction[],
  chip: Chip,
  maxPosition: number,
): LabelledInstruction[] {
  const instructions = program.map(({ instruction }) => instruction);
  const streams = streamsOf(instructions, maxPosition);
  const dependencies = dependenciesOf(instructions, streams, DEPENDENT + 1, maxPosition);
  const starts = new Starts(chip, instructions, streams, dependencies);
  return starts.inOrder().map((index) => program[index]!);
}

function streamsOf(program: readonly Instruction[], maxPosition: number): number[] {
  const stored: ByteRange[] = [];
  return program.map((instruction) => {
    const { op, fields } = instruction;
    const { memoryReads, memoryWrites } = accesses(instruction, maxPosition);
    stored.push(...memoryWrites);
    const queue = QUEUES.indexOf(queueOf(op));
    const waits = op === 'gather' || fields['unless'] !== NONE || overlap(stored, memoryReads);
    return queue === LOAD && waits ? DEPENDENT : queue;
  });
}

/** The queue of a stream. */
function queueOfStream(stream: number): number {
  return stream === DEPENDENT ? LOAD : stream;
}

class Starts {
  private readonly chip: Chip;
  private readonly program: readonly Instruction[];
  private readonly dependencies: readonly (readonly number[])[];
  private readonly units: Units;
  /** By stream. */
  private readonly members: readonly (readonly number[])[];
  private readonly next: Int32Array;
  /** By queue: when it can go on after the instruction before. */
  private readonly free = new Float64Array(QUEUES.length);
  /** By instruction: when it is complete; never, while it has not started. */
  private readonly ends: Float64Array;
  private readonly ports: Ports;
  private channelFree = 0;

  constructor(
    chip: Chip,
    program: readonly Instruction[],
    streams: readonly number[],
    dependencies: readonly (readonly number[])[],
  ) {
    this.chip = chip;
    this.program = program;
    this.dependencies = dependencies;
    this.units = new Units({ chip, instructions: program, queues: streams.map(queueOfStream) });
    rowsOf(program, balanced).forEach((rows, index) => this.units.setRows(index, rows));
    this.members = PRECEDENCE.map(() => []);
    streams.forEach((stream, index) => (this.members[stream] as number[]).push(index));
    this.next = new Int32Array(this.members.length);
    this.ends = new Float64Array(streams.length).fill(NEVER);
    this.ports = new Ports(portsHeld(program, chip));
  }

  inOrder(): number[] {
    const order: number[] = [];
    while (order.length < this.ends.length) order.push(this.startNext());
    return order;
  }

  /** Starts the head that is due first. */
  private startNext(): number {
    let [first, start, due] = [0, NEVER, NEVER];
    for (const stream of PRECEDENCE) {
      const earliest = this.earliest(stream);
      const wanted = stream === LOAD ? Math.max(earliest, this.channelWants()) : earliest;
      if (wanted < due) [first, start, due] = [stream, earliest, wanted];
    }
    if (due === NEVER) throw new Error('an instruction depends on a later one');
    const index = this.headOf(first)!;
    this.start(first, index, start);
    return index;
  }

  private headOf(stream: number): number | undefined {
    return this.members[stream]![this.next[stream]!];
  }

  /** The earliest start of a stream's head; never, while something it waits for has not started. */
  private earliest(stream: number): number {
    const index = this.headOf(stream);
    if (index === undefined || (stream === LOAD && this.gatherIsNext())) return NEVER;
    const queue = queueOfStream(stream);
    let start = this.free[queue]!;
    if (queue === LOAD)
      start = Math.max(start, this.units.transfers.loadReady(Number(this.isGather(index))));
    for (const other of this.dependencies[index]!) start = Math.max(start, this.ends[other]!);
    if (start === NEVER) return NEVER;
    return this.ports.freeFrom(index, queue, start);
  }

  /** When a load must start for its bytes to follow those before without a gap. */
  private channelWants(): number {
    return this.channelFree - this.chip.memory.latencyCycles - LOAD_COMMAND_CYCLES;
  }

  /** A gather waits for all loads before it: none may slip in once its list is on its way. */
  private gatherIsNext(): boolean {
    const index = this.headOf(DEPENDENT);
    return (
      index !== undefined &&
      this.isGather(index) &&
      this.dependencies[index]!.every((other) => this.ends[other]! < NEVER)
    );
  }

  private isGather(index: number): boolean {
    return this.program[index]!.op === 'gather';
  }

  private start(stream: number, index: number, start: number): void {
    const queue = queueOfStream(stream);
    this.units.start(index, queue, start);
    const { to, end, free } = this.units.course;
    if (queue === LOAD || queue === STORE) this.channelFree = Math.max(this.channelFree, to);
    this.next[stream]!++;
    this.free[queue] = free;
    this.ends[index] = end;
    this.ports.hold(index, queue, end);
  }
}
