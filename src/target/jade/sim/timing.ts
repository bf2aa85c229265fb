/**
 * When each instruction starts: a recurrence over the four queues, the semaphores between them, the
 * ports of the banks and the memory channel.
 *
 * At each step the head that can start first is committed (ties: queue order). A head can start when
 *   - its queue is free (LOAD: one issue a cycle, at most `outstandingLoads` in flight; a gather and
 *     what it reads wait for all earlier loads),
 *   - the tokens it waits for have been given,
 *   - no instruction of another queue holds a bank port it needs. An instruction holds the read ports of
 *     the banks it reads and the write ports of those it writes from start to completion.
 * One memory channel serves loads and stores in the order they start.
 *
 * The matrix unit has a loader of weights and an array. An instruction starts when the loader is free,
 * that is in the last pass of the one before; the array takes it when its first block is loaded and
 * the array is free; it completes when the pipeline has drained.
 */
import { type Chip } from '../../../chip/index.ts';
import { QUEUES, type Instruction } from '../isa.table.ts';
import { type MatmulPhases } from './latency.ts';
import { accesses, operandsOf, type ByteRange } from './access.ts';

export const LOAD = 0;
const QUEUE_COUNT = QUEUES.length;

/** An instruction with what timing needs to know of it, computed once a program. */
export interface Prepared {
  readonly instruction: Instruction;
  readonly index: number;
  readonly queue: number;
  readonly readBanks: readonly number[];
  readonly writeBanks: readonly number[];
  readonly accesses: ReturnType<typeof accesses>;
}

/** What an instruction asks of its unit. */
export type Work =
  | { readonly kind: 'busy' | 'transfer'; readonly cycles: number }
  | { readonly kind: 'matmul'; readonly phases: MatmulPhases }
  | { readonly kind: 'skip' };

/** When the unit works (from … to), when the instruction completes, and when the queue may go on. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly end: number;
  readonly free: number;
}

function spanOf(from: number, end: number): Span {
  return { from, to: end, end, free: end };
}

/** Why a queue stood still, for the report. */
export const STALLS = ['load', 'matrix', 'vector', 'store', 'port', 'outstanding'] as const;
export type StallReason = (typeof STALLS)[number];
const PORT = 4;
const OUTSTANDING = 5;

export function prepare(
  instruction: Instruction,
  index: number,
  queue: number,
  chip: Chip,
  maxPosition: number,
): Prepared {
  const operands = operandsOf(instruction, maxPosition);
  return {
    instruction,
    index,
    queue,
    readBanks: banksOf(operands.data ?? [], chip),
    writeBanks: banksOf(operands.writes ?? [], chip),
    accesses: accesses(instruction, maxPosition),
  };
}

function banksOf(ranges: readonly ByteRange[], { scratchpad, accumulator }: Chip): number[] {
  const banks = new Set<number>();
  const [bytes, accumulatorBytes] = [
    scratchpad.sizeBytes / scratchpad.banks,
    accumulator.sizeBytes / accumulator.banks,
  ];
  const bankAt = (address: number): number =>
    address < scratchpad.sizeBytes
      ? Math.floor(address / bytes)
      : scratchpad.banks + Math.floor((address - scratchpad.sizeBytes) / accumulatorBytes);
  for (const { start, end } of ranges) {
    for (let bank = bankAt(start); bank <= bankAt(end - 1); bank++) banks.add(bank);
  }
  return [...banks];
}

/** The clock of one run. */
export class Timing {
  cycles = 0;
  channelBusyCycles = 0;
  readonly busyCycles: number[] = QUEUES.map(() => 0);
  /** Cycles each queue waited, by reason. */
  readonly stallCycles: number[][] = QUEUES.map(() => STALLS.map(() => 0));
  private readonly chip: Chip;
  private readonly free: number[] = QUEUES.map(() => 0);
  /** Times at which tokens from queue f to queue t were given; and how many were taken. */
  private readonly given: number[][] = Array.from({ length: QUEUE_COUNT ** 2 }, () => []);
  private readonly taken: number[] = Array.from({ length: QUEUE_COUNT ** 2 }, () => 0);
  /** Until when each queue holds the ports: [queue][bank]. */
  private readonly readHeld: readonly Float64Array[];
  private readonly writeHeld: readonly Float64Array[];
  private readonly loadEnds: number[] = [];
  private channelFree = 0;
  private arrayFree = 0;
  private reason = 0;

  constructor(chip: Chip) {
    this.chip = chip;
    const banks = chip.scratchpad.banks + chip.accumulator.banks;
    this.readHeld = QUEUES.map(() => new Float64Array(banks));
    this.writeHeld = QUEUES.map(() => new Float64Array(banks));
  }

  /** The earliest start of a queue's head, or undefined while a token is missing. */
  earliest(head: Prepared): number | undefined {
    const { queue, instruction } = head;
    let start = this.queueReady(head);
    for (let from = 0; from < QUEUE_COUNT; from++) {
      if ((instruction.wait & (1 << from)) === 0) continue;
      const pair = from * QUEUE_COUNT + queue;
      const time = this.given[pair]![this.taken[pair]!];
      if (time === undefined) return undefined;
      start = this.later(start, time, from);
    }
    for (let other = 0; other < QUEUE_COUNT; other++) {
      if (other === queue) continue;
      for (const bank of head.readBanks)
        start = this.later(start, this.readHeld[other]![bank]!, PORT);
      for (const bank of head.writeBanks)
        start = this.later(start, this.writeHeld[other]![bank]!, PORT);
    }
    return start;
  }

  private queueReady({ queue, instruction }: Prepared): number {
    const free = this.free[queue]!;
    if (queue !== LOAD) return free;
    const ends = this.loadEnds;
    const limit = ends.at(-this.chip.dma.outstandingLoads) ?? 0;
    const all = instruction.op === 'gather' ? (ends.at(-1) ?? 0) : 0;
    return this.later(free, Math.max(limit, all), OUTSTANDING);
  }

  private later(start: number, time: number, reason: number): number {
    if (time <= start) return start;
    this.reason = reason;
    return time;
  }

  /** Starts `head` at `start`; returns when its unit works for it and when it completes. */
  commit(head: Prepared, start: number, work: Work): Span {
    const { queue, instruction } = head;
    this.recordStall(head, start);
    for (let from = 0; from < QUEUE_COUNT; from++) {
      if ((instruction.wait & (1 << from)) !== 0) this.taken[from * QUEUE_COUNT + queue]!++;
    }
    const span = this.span(queue, start, work);
    this.busyCycles[queue]! += span.to - span.from;
    this.free[queue] = span.free;
    for (const bank of head.readBanks) this.readHeld[queue]![bank] = span.end;
    for (const bank of head.writeBanks) this.writeHeld[queue]![bank] = span.end;
    for (let to = 0; to < QUEUE_COUNT; to++) {
      if ((instruction.signal & (1 << to)) !== 0)
        this.given[queue * QUEUE_COUNT + to]!.push(span.end);
    }
    this.cycles = Math.max(this.cycles, span.end);
    return span;
  }

  private recordStall(head: Prepared, start: number): void {
    const idle = start - this.free[head.queue]!;
    if (idle <= 0) return;
    this.earliest(head);
    this.stallCycles[head.queue]![this.reason]! += idle;
  }

  private span(queue: number, start: number, work: Work): Span {
    switch (work.kind) {
      case 'busy':
        return spanOf(start, start + work.cycles);
      case 'matmul':
        return this.multiply(start, work.phases);
      case 'skip':
        return this.skip(start);
      case 'transfer':
        return this.transfer(queue, start, work.cycles);
    }
  }

  private multiply(start: number, { firstLoad, compute, lastPass }: MatmulPhases): Span {
    const from = Math.max(start + firstLoad, this.arrayFree);
    const to = from + compute;
    this.arrayFree = to;
    return {
      from,
      to,
      end: to + this.chip.matrix.pipelineCycles,
      free: Math.max(start + 1, to - lastPass),
    };
  }

  /** A skipped load completes in its turn, so that tokens keep their order. */
  private skip(start: number): Span {
    const end = Math.max(start + 1, this.loadEnds.at(-1) ?? 0);
    this.loadEnds.push(end);
    return { from: end, to: end, end, free: start + 1 };
  }

  private transfer(queue: number, start: number, cycles: number): Span {
    const ready = queue === LOAD ? start + this.chip.memory.latencyCycles : start;
    const from = Math.max(ready, this.channelFree);
    const end = from + cycles;
    this.channelFree = end;
    this.channelBusyCycles += cycles;
    if (queue === LOAD) this.loadEnds.push(end);
    return { from, to: end, end, free: queue === LOAD ? start + 1 : end };
  }

  /** What a head waits for, for people: used when nothing can start. */
  describe({ instruction, queue, index }: Prepared): string {
    const missing = QUEUES.filter((_, from) => {
      const pair = from * QUEUE_COUNT + queue;
      return (
        (instruction.wait & (1 << from)) !== 0 && this.given[pair]!.length <= this.taken[pair]!
      );
    });
    return `${QUEUES[queue]} instruction ${index} (${instruction.op}) waits for ${missing.join(', ')}`;
  }
}
