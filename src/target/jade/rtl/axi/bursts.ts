/** Cuts a run of beats into bursts: each ends where a block ends, so none is too long or crosses 4 KiB. */
import type { ModuleBuilder, Register, Signal } from '../../../../hdl/index.ts';
import { fit } from '../dma/dmaShape.ts';
import { ADDRESS_BITS, beatsOfBlock, LENGTH_BITS } from './axiShape.ts';

/**
 * Takes a run where `load` is 1: `count` beats from beat number `first` of the memory on. Bursts end at
 * multiples of `block` beats.
 */
export class Bursts {
  /** A burst is offered: its address, and its beats less one, as AXI4 has it. */
  readonly valid: Signal;
  readonly address: Signal;
  readonly length: Signal;
  private readonly load: Signal;
  private readonly run: { readonly first: Signal; readonly count: Signal };
  private readonly next: Register;
  private readonly left: Register;
  private readonly beats: Signal;

  constructor(
    m: ModuleBuilder,
    name: string,
    load: Signal,
    run: { readonly first: Signal; readonly count: Signal },
    busBytes: number,
    block: number = beatsOfBlock(busBytes),
  ) {
    this.load = load;
    this.run = run;
    this.next = m.register(`${name}Next`, run.first.width, { comment: 'number of its first beat' });
    this.left = m.register(`${name}Left`, run.count.width, {
      reset: 0,
      comment: 'beats to be asked for',
    });
    const bits = Math.log2(block);
    const width = Math.max(bits + 1, this.left.width);
    const toEnd = this.next.constant(block, bits + 1).sub(this.next.low(bits).zeroExtend(bits + 1));
    const left = this.left.zeroExtend(width);
    const end = toEnd.zeroExtend(width);
    this.beats = end.ltU(left).mux(end, left).named(`${name}Beats`);
    this.valid = this.left.reduceOr();
    this.length = fit(this.beats.sub(1), LENGTH_BITS);
    const zeros = Math.log2(busBytes);
    const address = zeros === 0 ? this.next : this.next.concat(this.next.constant(0, zeros));
    this.address = address.zeroExtend(ADDRESS_BITS);
  }

  /** Goes on when the offered burst is taken. */
  advance(ready: Signal): void {
    const { load, run, next, left } = this;
    const step = this.valid.and(ready);
    next.set(load.mux(run.first, next.add(fit(this.beats, next.width))), load.or(step));
    left.set(load.mux(run.count, left.sub(fit(this.beats, left.width))), load.or(step));
  }
}
