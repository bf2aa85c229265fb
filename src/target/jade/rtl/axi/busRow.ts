/** A row of the memory in beats: of the bus, where it begins at any byte, and of the core, from byte 0 on. */
import { constant, type Signal } from '../../../../hdl/index.ts';
import { fit } from '../dma/dmaShape.ts';
import type { AxiShape } from './axiShape.ts';

export interface BusRow {
  /** Its first byte within its first beat of the bus (at least 1 bit), and the number of that beat. */
  readonly offset: Signal;
  readonly first: Signal;
  /** Beats of the bus that have bytes of it; beats of the bus that its bytes fill from byte 0 on. */
  readonly busBeats: Signal;
  readonly rowBeats: Signal;
  /** Beats of the core: as many as a burst of the memory at least. */
  readonly coreBeats: Signal;
}

export function busRow(address: Signal, bytes: Signal, shape: AxiShape): BusRow {
  const { busBits, busBytes, beatBytes, burstBytes, countBits } = shape;
  const width = countBits + 12;
  const offset = busBits === 0 ? constant(1, 0) : address.low(busBits);
  const size = fit(bytes, width);
  const beats = (count: Signal, beat: number): Signal =>
    count
      .add(beat - 1)
      .shr(Math.log2(beat))
      .low(countBits);
  const padded = size.ltU(burstBytes).mux(burstBytes, size);
  const touched = beats(size.add(offset.zeroExtend(width)), busBytes);
  return {
    offset,
    first: address.high(address.width - busBits),
    busBeats: size.reduceOr().mux(touched, 0).named('busBeats'),
    rowBeats: beats(size, busBytes).named('rowBeats'),
    coreBeats: beats(padded, beatBytes).named('coreBeats'),
  };
}

/** An offset in bytes as an amount of bits to shift. */
export function bitsOf(offset: Signal): Signal {
  return offset.concat(offset.constant(0, 3));
}
