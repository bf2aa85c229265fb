/**
 * Time of the queues LOAD and STORE, which share one memory channel: transfers take it in the order
 * they start. Loads complete in order, skipped ones too.
 */
import { type Chip } from '../../../chip/index.ts';
import { type Fields, type Instruction } from '../isa.table.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';

/** Cycles a transfer of `rows` rows a plane takes on the channel: whole beats, at least a burst a row. */
export function transferBeats(fields: Fields, { memory, dma }: Chip, rows: number): number {
  const bytes = Math.max(fields['rowBytes']!, dma.burstBytes);
  return (fields['planes'] ?? 1) * rows * Math.ceil(bytes / memory.bytesPerCycle);
}

export interface TransferCost {
  readonly isLoad: boolean;
  /** Cycles on the channel; a load without any is skipped. */
  readonly beats: number;
}

export class TransferTiming implements UnitTiming<TransferCost> {
  /** Cycles the channel has carried data. */
  busyCycles = 0;
  private readonly chip: Chip;
  private readonly loadEnds: number[] = [];
  private channelFree = 0;

  constructor(chip: Chip) {
    this.chip = chip;
  }

  /** Fewer loads than the chip allows are in flight; none, for a gather. */
  ready({ op }: Instruction): number {
    if (op === 'store') return 0;
    const allowed = op === 'gather' ? 1 : this.chip.dma.outstandingLoads;
    return this.loadEnds[this.loadEnds.length - allowed] ?? 0;
  }

  cost({ op, fields }: Instruction, rows: number): TransferCost {
    return { isLoad: op !== 'store', beats: transferBeats(fields, this.chip, rows) };
  }

  start({ isLoad, beats }: TransferCost, start: number): Span {
    if (isLoad && beats === 0) return this.skip(start);
    const ready = isLoad ? start + this.chip.memory.latencyCycles : start;
    const from = Math.max(ready, this.channelFree);
    // A transfer of nothing takes a cycle of its queue.
    const end = Math.max(from + beats, start + 1);
    this.channelFree = from + beats;
    this.busyCycles += beats;
    if (isLoad) this.loadEnds.push(end);
    return { from, to: from + beats, end, free: isLoad ? start + 1 : end };
  }

  /** A skipped load completes in its turn, so that tokens keep their order. */
  private skip(start: number): Span {
    const end = Math.max(start + 1, this.loadEnds.at(-1) ?? 0);
    this.loadEnds.push(end);
    return { from: end, to: end, end, free: start + 1 };
  }
}
