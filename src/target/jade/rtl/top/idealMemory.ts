/**
 * The memory of the contract in jadeCore.ts at its best, for runs of the core: it takes a command a cycle,
 * and has one channel, which carries the beats of the rows in the order of their commands.
 */
import type { Chip } from '../../../../chip/index.ts';
import { STORE_LEAD_CYCLES } from '../../sim/transferTiming.ts';

interface Row {
  readonly write: boolean;
  readonly address: number;
  readonly bytes: number;
  /** The first cycle in which the channel may carry it. */
  readonly from: number;
  readonly beats: number;
}

/** Outputs of the core that the memory takes. */
export interface MemoryOutputs {
  readonly commandValid: bigint;
  readonly commandWrite: bigint;
  readonly commandAddress: bigint;
  readonly commandBytes: bigint;
  readonly writeValid: bigint;
  readonly writeData: bigint;
}

/** Inputs of the core that the memory gives. */
export interface MemoryInputs {
  readonly commandReady: number;
  readonly readValid: number;
  readonly readData: bigint;
  readonly writeReady: number;
  readonly writeDone: number;
}

/** Bytes of a beat behind those of its row. */
const FILLER = 0xa5;

export class IdealMemory {
  readonly bytes: Uint8Array;
  private readonly chip: Chip;
  private readonly rows: Row[] = [];
  private beat = 0;

  constructor(chip: Chip, bytes: Uint8Array) {
    this.chip = chip;
    this.bytes = bytes;
  }

  /** What the memory gives in a cycle: it depends on commands before it only. */
  inputs(cycle: number): MemoryInputs {
    const row = this.rows[0];
    const works = row !== undefined && row.from <= cycle;
    const reads = works && !row.write;
    const writes = works && row.write;
    return {
      commandReady: 1,
      readValid: Number(reads),
      readData: reads ? this.read(row) : 0n,
      writeReady: Number(writes),
      writeDone: Number(writes && this.beat === row.beats - 1),
    };
  }

  /** What the core gives in the same cycle. Throws if a beat of a write is not there. */
  outputs(cycle: number, core: MemoryOutputs): void {
    const row = this.rows[0];
    if (row !== undefined && row.from <= cycle) {
      if (row.write) this.write(row, core);
      this.beat = (this.beat + 1) % row.beats;
      if (this.beat === 0) this.rows.shift();
    }
    if (core.commandValid === 1n) this.rows.push(this.row(cycle, core));
  }

  private row(cycle: number, core: MemoryOutputs): Row {
    const { memory, dma } = this.chip;
    const [write, bytes] = [core.commandWrite === 1n, Number(core.commandBytes)];
    return {
      write,
      address: Number(core.commandAddress),
      bytes,
      from: cycle + (write ? STORE_LEAD_CYCLES : memory.latencyCycles),
      beats: Math.ceil(Math.max(bytes, dma.burstBytes) / memory.bytesPerCycle),
    };
  }

  /** Addresses of the row's bytes in the beat at hand, undefined behind them. */
  private places({ address, bytes }: Row): (number | undefined)[] {
    const { bytesPerCycle } = this.chip.memory;
    return Array.from({ length: bytesPerCycle }, (_, i) => {
      const at = this.beat * bytesPerCycle + i;
      return at < bytes ? address + at : undefined;
    });
  }

  private read(row: Row): bigint {
    const bytes = this.places(row).map((at) => (at === undefined ? FILLER : this.bytes[at]!));
    return bytes.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
  }

  private write(row: Row, { writeValid, writeData }: MemoryOutputs): void {
    if (writeValid !== 1n)
      throw new Error('a beat of a store must be there when the memory takes it');
    for (const [i, at] of this.places(row).entries()) {
      if (at !== undefined) this.bytes[at] = Number((writeData >> BigInt(8 * i)) & 0xffn);
    }
  }
}
