/** Widths of the buses around the core. */
import type { Chip } from '../../../../chip/index.ts';
import { dmaShape, type DmaShape } from '../dma/dmaShape.ts';

/** AXI4 has buses of up to 1024 bits. */
const MAX_BUS_BYTES = 128;
/** A burst has at most 256 beats and does not cross a boundary of 4 KiB. */
const MAX_BURST_BEATS = 256;
const BOUNDARY_BYTES = 4096;

export const ADDRESS_BITS = 64;
export const LENGTH_BITS = 8;

export interface AxiShape extends DmaShape {
  /** Bytes of a beat of the bus; of a beat of the core, a multiple. */
  readonly busBytes: number;
  /** log2 of the bytes of a beat of the bus. */
  readonly busBits: number;
  /** Beats of the bus in one of the core. */
  readonly slices: number;
  /** Bits of a count of beats of a row. */
  readonly countBits: number;
}

export function axiShape(chip: Chip): AxiShape {
  const shape = dmaShape(chip);
  const busBytes = Math.min(shape.beatBytes, MAX_BUS_BYTES);
  return {
    ...shape,
    busBytes,
    busBits: Math.log2(busBytes),
    slices: shape.beatBytes / busBytes,
    countBits: shape.rowBits + 1,
  };
}

/** Beats between the places where bursts end, for a bus of so many bytes. */
export function beatsOfBlock(busBytes: number): number {
  return Math.min(MAX_BURST_BEATS, BOUNDARY_BYTES / busBytes);
}
