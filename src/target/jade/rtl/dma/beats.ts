/** The beats of a row: which bytes of it each carries, and which is the last. */
import { constant, type ModuleBuilder, type Register, type Signal } from '../../../../hdl/index.ts';
import type { DmaShape } from './dmaShape.ts';

/**
 * Byte 0 of a row is byte 0 of its first beat. A row takes as many beats as a burst at least; those behind
 * its bytes carry none.
 */
export class Beats {
  /** First byte of the beat at hand within the row. */
  readonly at: Register;
  /** Bytes of the row in this beat; whether it is the last. */
  readonly bytes: Signal;
  readonly last: Signal;

  constructor(m: ModuleBuilder, name: string, rowBytes: Signal, shape: DmaShape) {
    const { beatBytes, beatBits, burstBytes } = shape;
    const width = Math.max(shape.rowBits, Math.ceil(Math.log2(burstBytes + beatBytes))) + 1;
    this.at = m.register(`${name}At`, width);
    const row = rowBytes.zeroExtend(width);
    const left = row.sub(this.at);
    const whole = left.geU(beatBytes);
    const some = whole.mux(constant(beatBits, beatBytes), left.low(beatBits));
    this.bytes = this.at.ltU(row).mux(some, 0).named(`${name}Bytes`);
    const next = this.at.add(beatBytes);
    const reached = next.geU(row).and(next.geU(burstBytes));
    this.last = reached.named(`${name}LastBeat`);
  }

  /** Goes on by a beat where `step` is 1, to the first of the next row after the last. */
  advance(restart: Signal, step: Signal, beatBytes: number): void {
    const next = restart.or(this.last).mux(0, this.at.add(beatBytes));
    this.at.set(next, restart.or(step));
  }
}
