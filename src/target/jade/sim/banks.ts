/**
 * The memories of the chip as local addresses, and the banks whose ports an instruction holds.
 *
 * Local addresses: the scratchpad from 0, then the accumulators, then the control memory. Banks are
 * numbered in that order; the control memory is the last one. An instruction holds the read ports of
 * all banks that its bounding ranges touch with data, and the write ports of those it writes. Counts
 * and lists are read without a port of the masks.
 */
import type { Chip } from '../../../chip/index.ts';
import type { Instruction } from '../isa.table.ts';
import { operandsOf, type ByteRange } from './access.ts';

export type LocalMemory = 'scratchpad' | 'accumulators' | 'control memory';

/** The bytes of each memory. */
export function memoriesOf(chip: Chip): Readonly<Record<LocalMemory, ByteRange>> {
  const accumulators = chip.scratchpad.sizeBytes;
  const control = accumulators + chip.accumulator.sizeBytes;
  return {
    scratchpad: { start: 0, end: accumulators },
    accumulators: { start: accumulators, end: control },
    'control memory': { start: control, end: control + chip.control.sizeBytes },
  };
}

/** Bytes of all local memories. */
export function localBytesOf(chip: Chip): number {
  return memoriesOf(chip)['control memory'].end;
}

/** All banks: those of the scratchpad, those of the accumulators, the control memory. */
export function bankCountOf({ scratchpad, accumulator }: Chip): number {
  return scratchpad.banks + accumulator.banks + 1;
}

export interface BankUse {
  /** Numbers of the banks, ascending. */
  readonly read: readonly number[];
  readonly write: readonly number[];
}

/** The ports `instruction` holds from start to completion: what its bank masks say. */
export function bankUseOf(instruction: Instruction, chip: Chip): BankUse {
  const { data = [], writes = [] } = operandsOf(instruction, 0);
  return { read: banksOf(data, chip), write: banksOf(writes, chip) };
}

/** The banks that have bytes of the ranges; bytes outside of the chip are in none. */
export function banksOf(ranges: readonly ByteRange[], chip: Chip): number[] {
  const end = localBytesOf(chip);
  const banks = new Set<number>();
  for (const range of ranges) {
    if (!(range.start < end)) continue;
    const last = bankAt(Math.min(range.end, end) - 1, chip);
    for (let bank = bankAt(range.start, chip); bank <= last; bank++) banks.add(bank);
  }
  return [...banks].toSorted((a, b) => a - b);
}

function bankAt(address: number, chip: Chip): number {
  const { scratchpad, accumulator } = chip;
  const behind = address - scratchpad.sizeBytes;
  if (behind < 0) return Math.floor((address * scratchpad.banks) / scratchpad.sizeBytes);
  if (behind >= accumulator.sizeBytes) return bankCountOf(chip) - 1;
  return scratchpad.banks + Math.floor((behind * accumulator.banks) / accumulator.sizeBytes);
}
