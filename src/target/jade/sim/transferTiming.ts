/**
 * Time of the queues LOAD and STORE, equal to the hardware of rtl/dma. One generator commands the rows of
 * transfers, in the order they start; one memory channel carries their beats in the order of the
 * commands. Loads complete in order, skipped ones too.
 */
import type { Chip } from '../../../chip/index.ts';
import type { Fields, Instruction } from '../isa.table.ts';
import type { ClockState } from './clockState.ts';
import type { Costs, Course, UnitTiming } from './unitTiming.ts';

/** From the start of a transfer to the cycle in which the generator can take it: its address is known. */
export const ADDRESS_CYCLES = 7;
/** From the generator taking a transfer to its first command; for a gather, through the list. */
const COMMAND_CYCLES = 1;
/** From the start of a load to its first command, when the generator is free. */
export const LOAD_COMMAND_CYCLES = ADDRESS_CYCLES + COMMAND_CYCLES;
const GATHER_COMMAND_CYCLES = 8;
/** From the generator taking a transfer of nothing to its end. */
export const EMPTY_LOAD_CYCLES = 3;
const EMPTY_STORE_CYCLES = 2;
/** From the command of a row to the first cycle in which the memory takes its beats. */
export const STORE_LEAD_CYCLES = 1;

/** Cycles a transfer of `rows` rows a plane takes on the channel: whole beats, at least a burst a row. */
function transferBeats(fields: Fields, chip: Chip, rows: number): number {
  return (fields['planes'] ?? 1) * rows * rowBeats(fields['rowBytes']!, chip);
}

export function rowBeats(bytes: number, { memory, dma }: Chip): number {
  return Math.ceil(Math.max(bytes, dma.burstBytes) / memory.bytesPerCycle);
}

/** Kinds of transfers, as numbers in a cost. */
const KINDS = ['load', 'gather', 'store'] as const;
const GATHER = KINDS.indexOf('gather');
const STORE = KINDS.indexOf('store');

/**
 * The cost of a transfer: its kind, rows commanded, and cycles on the channel; no rows for a skipped load.
 */
export class TransferTiming implements UnitTiming {
  /** Cycles the channel has carried data. */
  busyCycles = 0;
  private readonly chip: Chip;
  private readonly latency: number;
  private readonly allowedLoads: number;
  /** When the last loads end, as many as may be in flight: a ring. */
  private readonly loadEnds: Float64Array;
  private loads = 0;
  private lastLoadEnd = 0;
  /** The first cycles in which the generator, the channel and the list reader can take the next. */
  private generatorFree = 0;
  private channelFree = 0;
  private listFree = 0;

  constructor(chip: Chip) {
    this.chip = chip;
    this.latency = chip.memory.latencyCycles;
    this.allowedLoads = chip.dma.outstandingLoads;
    this.loadEnds = new Float64Array(this.allowedLoads);
  }

  /** When fewer loads than the chip allows are in flight; none, for a gather; and no list is being read. */
  loadReady(gathers: number): number {
    return Math.max(gathers === 1 ? this.lastLoadEnd : this.loadEnds[this.loads]!, this.listFree);
  }

  cost({ op, fields }: Instruction, rows: number, costs: Costs, at: number): void {
    costs[at] = KINDS.indexOf(op as (typeof KINDS)[number]);
    costs[at + 1] = (fields['planes'] ?? 1) * rows;
    costs[at + 2] = transferBeats(fields, this.chip, rows);
  }

  start(costs: Costs, at: number, start: number, course: Course): void {
    const kind = costs[at]!;
    const commands = costs[at + 1]!;
    const taken = Math.max(start + ADDRESS_CYCLES, this.generatorFree);
    if (kind === GATHER) this.listFree = taken + commands + 1;
    if (commands === 0) this.nothing(kind, taken, course);
    else this.move(kind, commands, costs[at + 2]!, taken, course);
    if (kind === STORE) {
      course.end = course.to;
      course.free = course.to;
      return;
    }
    course.end = Math.max(course.to, this.lastLoadEnd + 1);
    course.free = start + 1;
    this.lastLoadEnd = course.end;
    this.loadEnds[this.loads] = course.end;
    this.loads = this.loads + 1 === this.allowedLoads ? 0 : this.loads + 1;
  }

  /** A transfer of nothing, such as a skipped load, takes a cycle of the generator. */
  private nothing(kind: number, taken: number, course: Course): void {
    this.generatorFree = taken + 1;
    const end = taken + (kind === STORE ? EMPTY_STORE_CYCLES : EMPTY_LOAD_CYCLES);
    course.from = end;
    course.to = end;
  }

  private move(kind: number, commands: number, beats: number, taken: number, course: Course): void {
    const command = taken + (kind === GATHER ? GATHER_COMMAND_CYCLES : COMMAND_CYCLES);
    this.generatorFree = command + commands - 1;
    const lead = kind === STORE ? STORE_LEAD_CYCLES : this.latency;
    course.from = Math.max(command + lead, this.channelFree);
    course.to = course.from + beats;
    this.busyCycles += beats;
    this.channelFree = course.to;
  }

  reset(): void {
    this.busyCycles = 0;
    this.loadEnds.fill(0);
    this.loads = 0;
    this.lastLoadEnd = 0;
    this.generatorFree = 0;
    this.channelFree = 0;
    this.listFree = 0;
  }

  save(state: ClockState): void {
    for (let i = 0; i < this.allowedLoads; i++)
      state.addTime(this.loadEnds[(this.loads + i) % this.allowedLoads]!);
    state.addTime(this.lastLoadEnd);
    state.addTime(this.generatorFree);
    state.addTime(this.channelFree);
    state.addTime(this.listFree);
  }

  restore(state: ClockState): void {
    this.loads = 0;
    for (let i = 0; i < this.allowedLoads; i++) this.loadEnds[i] = state.nextTime();
    this.lastLoadEnd = state.nextTime();
    this.generatorFree = state.nextTime();
    this.channelFree = state.nextTime();
    this.listFree = state.nextTime();
  }
}
