/** Widths of the signals of the DMA. */
import type { Chip } from '../../../../chip/index.ts';
import { indexWidth, type Signal } from '../../../../hdl/index.ts';
import { localAddressBits } from '../memory/memoryShape.ts';
import { COUNT_BITS } from './rowWalk.ts';

export interface DmaShape {
  readonly memoryBits: number;
  readonly localBits: number;
  /** Bits of the bytes of a row. */
  readonly rowBits: number;
  readonly beatBytes: number;
  readonly burstBytes: number;
  /** Bits of a count of bytes of a beat, from 0 to all. */
  readonly beatBits: number;
  /** Places for loads in flight: a power of two. */
  readonly loads: number;
}

export function dmaShape(chip: Chip): DmaShape {
  const localBits = localAddressBits(chip);
  return {
    memoryBits: memoryAddressBits(chip),
    localBits,
    rowBits: localBits + 1,
    beatBytes: chip.memory.bytesPerCycle,
    burstBytes: chip.dma.burstBytes,
    beatBits: indexWidth(chip.memory.bytesPerCycle + 1),
    loads: Math.max(2, 2 ** Math.ceil(Math.log2(chip.dma.outstandingLoads))),
  };
}

/** Bits of a byte address in the memory beside the chip. */
export function memoryAddressBits({ memory }: Chip): number {
  return indexWidth(memory.sizeBytes);
}

/** The rows of a transfer on the chip, for a receiver or a reader. */
export function localRows({ localBits, rowBits }: DmaShape): {
  local: number;
  rowBytes: number;
  rows: number;
  localStride: number;
  planes: number;
  localPlaneStride: number;
} {
  return {
    local: localBits,
    rowBytes: rowBits,
    rows: COUNT_BITS,
    localStride: localBits,
    planes: COUNT_BITS,
    localPlaneStride: localBits,
  };
}

/** The signal with this many bits: what is above is not needed, or zero. */
export function fit(signal: Signal, bits: number): Signal {
  return signal.width >= bits ? signal.low(bits) : signal.zeroExtend(bits);
}

/** Ports with a word in front of their names: `load` and `memory` give `loadMemory`. */
export function prefixed<T>(prefix: string, ports: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries<T>(ports).map(([name, value]) => [portOf(prefix, name), value]),
  );
}

export function portOf(prefix: string, name: string): string {
  return `${prefix}${name[0]!.toUpperCase()}${name.slice(1)}`;
}
