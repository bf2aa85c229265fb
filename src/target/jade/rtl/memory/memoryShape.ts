/**
 * How the local memory of a chip is cut into banks and words, and who reads and writes it.
 *
 * A word has W bytes, as many as the widest port. Words are numbered through all banks; two neighbours,
 * an even and an odd one, are a line. A bank keeps its even and its odd words in two memories, so a
 * window of up to W bytes at any byte, which lies in two neighbouring words, is read in one cycle.
 */
import { windowBytes, type Chip } from '../../../../chip/index.ts';
import { indexWidth } from '../../../../hdl/index.ts';
import { blockBytes } from '../../isa.table.ts';
import { localBytesOf, memoriesOf } from '../../sim/banks.ts';

/** Banks of one size, one after the other. */
export interface Region {
  readonly name: 'scratchpad' | 'accumulator' | 'control';
  readonly banks: number;
  /** The line at which the region begins; and lines of a bank, a power of two. */
  readonly firstLine: number;
  readonly linesOfBank: number;
}

export interface MemoryShape {
  /** W, a power of two. */
  readonly wordBytes: number;
  readonly addressBits: number;
  /** Bits of a byte's place in its word. */
  readonly offsetBits: number;
  readonly lineBits: number;
  /** Scratchpad, accumulators, control memory. */
  readonly regions: readonly [Region, Region, Region];
}

export function memoryShape(chip: Chip): MemoryShape {
  const wordBytes = windowBytes(chip);
  const lineBytes = 2 * wordBytes;
  const memories = memoriesOf(chip);
  const addressBits = indexWidth(localBytesOf(chip));
  const offsetBits = Math.log2(wordBytes);
  const region = (
    name: Region['name'],
    start: number,
    sizeBytes: number,
    banks: number,
  ): Region => {
    return {
      name,
      banks,
      firstLine: start / lineBytes,
      linesOfBank: sizeBytes / banks / lineBytes,
    };
  };
  const { scratchpad, accumulator, control } = chip;
  return {
    wordBytes,
    addressBits,
    offsetBits,
    lineBits: addressBits - offsetBits - 1,
    regions: [
      region('scratchpad', 0, scratchpad.sizeBytes, scratchpad.banks),
      region('accumulator', memories.accumulators.start, accumulator.sizeBytes, accumulator.banks),
      region('control', memories['control memory'].start, control.sizeBytes, 1),
    ],
  };
}

/** Address bits of a byte on the chip: those that a unit gives to the local memory. */
export function localAddressBits(chip: Chip): number {
  return indexWidth(localBytesOf(chip));
}

/** A port of the local memory: the bytes of its window, and the regions it reaches. */
export interface Client {
  readonly name: string;
  readonly bytes: number;
  readonly regions: readonly Region['name'][];
}

/** Who reads: the matrix unit thrice, the vector unit, stores. */
export function readClients(chip: Chip): Client[] {
  const { matrix, vector, memory } = chip;
  return [
    { name: 'activation', bytes: blockBytes(matrix.activationFormat), regions: ['scratchpad'] },
    { name: 'weight', bytes: matrix.weightPortBytesPerCycle, regions: ['scratchpad'] },
    { name: 'accumulator', bytes: 4 * matrix.columns, regions: ['accumulator'] },
    { name: 'vector', bytes: 4 * vector.lanes, regions: ['scratchpad', 'accumulator'] },
    { name: 'store', bytes: memory.bytesPerCycle, regions: ['scratchpad', 'accumulator'] },
  ];
}

/** Who writes: the matrix unit, the vector unit (its lists on their own), loads. */
export function writeClients(chip: Chip): Client[] {
  const { matrix, vector, memory } = chip;
  return [
    { name: 'accumulator', bytes: 4 * matrix.columns, regions: ['accumulator'] },
    { name: 'vector', bytes: 4 * vector.lanes, regions: ['scratchpad', 'accumulator'] },
    { name: 'dispatch', bytes: 4, regions: ['control'] },
    { name: 'load', bytes: memory.bytesPerCycle, regions: ['scratchpad', 'control'] },
  ];
}

/** Bits of a count of bytes from 0 to those of a client's window. */
export function countBits({ bytes }: Client): number {
  return indexWidth(bytes + 1);
}
