/**
 * Time of the queues LOAD and STORE, equal to the hardware of rtl/dma. One generator commands the rows of
 * transfers, in the order they start; one memory channel carries their beats in the order of the
 * commands. Loads complete in order, skipped ones too.
 */
import { type Chip } from '../../../chip/index.ts';
import { type Fields, type Instruction } from '../isa.table.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';

/** From the start of a transfer to the cycle in which the generator can take it: its address is known. */
const ADDRESS_CYCLES = 7;
/** From the generator taking a transfer to its first command; for a gather, through the list. */
const COMMAND_CYCLES = 1;
const GATHER_COMMAND_CYCLES = 8;
/** From the generator taking a transfer of nothing to its end. */
const EMPTY_LOAD_CYCLES = 3;
const EMPTY_STORE_CYCLES = 2;
/** From the command of a row to the first cycle in which the memory takes its beats. */
export const STORE_LEAD_CYCLES = 1;

/** Cycles a transfer of `rows` rows a plane takes on the channel: whole beats, at least a burst a row. */
export function transferBeats(fields: Fields, { memory, dma }: Chip, rows: number): number {
  const bytes = Math.max(fields['rowBytes']!, dma.burstBytes);
  return (fields['planes'] ?? 1) * rows * Math.ceil(bytes / memory.bytesPerCycle);
}

/** What a transfer asks of the generator and the channel. */
export interface TransferCost {
  readonly op: 'load' | 'gather' | 'store';
  /** Rows commanded, and cycles on the channel; none for a skipped load. */
  readonly commands: number;
  readonly beats: number;
}

export class TransferTiming implements UnitTiming<TransferCost> {
  /** Cycles the channel has carried data. */
  busyCycles = 0;
  private readonly chip: Chip;
  private readonly loadEnds: number[] = [];
  /** The first cycles in which the generator, the channel and the list reader can take the next. */
  private generatorFree = 0;
  private channelFree = 0;
  private listFree = 0;

  constructor(chip: Chip) {
    this.chip = chip;
  }

  /** Fewer loads than the chip allows are in flight; none, for a gather; and no list is being read. */
  ready({ op }: Instruction): number {
    if (op === 'store') return 0;
    const allowed = op === 'gather' ? 1 : this.chip.dma.outstandingLoads;
    return Math.max(this.loadEnds[this.loadEnds.length - allowed] ?? 0, this.listFree);
  }

  cost({ op, fields }: Instruction, rows: number): TransferCost {
    const commands = (fields['planes'] ?? 1) * rows;
    return {
      op: op as TransferCost['op'],
      commands,
      beats: transferBeats(fields, this.chip, rows),
    };
  }

  start(cost: TransferCost, start: number): Span {
    const { op, commands } = cost;
    const taken = Math.max(start + ADDRESS_CYCLES, this.generatorFree);
    if (op === 'gather') this.listFree = taken + commands + 1;
    const { from, to } = commands === 0 ? this.nothing(op, taken) : this.move(cost, taken);
    if (op === 'store') return { from, to, end: to, free: to };
    const end = Math.max(to, (this.loadEnds.at(-1) ?? 0) + 1);
    this.loadEnds.push(end);
    return { from, to, end, free: start + 1 };
  }

  /** A transfer of nothing, such as a skipped load, takes a cycle of the generator. */
  private nothing(op: TransferCost['op'], taken: number): { from: number; to: number } {
    this.generatorFree = taken + 1;
    const end = taken + (op === 'store' ? EMPTY_STORE_CYCLES : EMPTY_LOAD_CYCLES);
    return { from: end, to: end };
  }

  private move({ op, commands, beats }: TransferCost, taken: number): { from: number; to: number } {
    const command = taken + (op === 'gather' ? GATHER_COMMAND_CYCLES : COMMAND_CYCLES);
    this.generatorFree = command + commands - 1;
    const lead = op === 'store' ? STORE_LEAD_CYCLES : this.chip.memory.latencyCycles;
    const from = Math.max(command + lead, this.channelFree);
    const to = from + beats;
    this.busyCycles += beats;
    this.channelFree = to;
    return { from, to };
  }
}
