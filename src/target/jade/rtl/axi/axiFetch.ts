import {
  constant,
  defineModule,
  indexWidth,
  type Module,
  type ModuleBuilder,
  type Signal,
  type Wire,
} from '../../../../hdl/index.ts';
import { INSTRUCTION_BITS } from '../control/decoder.ts';
import { fifo } from '../control/fifo.ts';
import { ADDRESS_BITS, LENGTH_BITS } from './axiShape.ts';
import { Bursts } from './bursts.ts';

/** Bytes of a beat of the instruction bus, to a multiple of which a program is aligned. */
export const FETCH_BYTES = 16;
const BEATS_OF_INSTRUCTION = INSTRUCTION_BITS / 8 / FETCH_BYTES;
/** Beats fetched ahead, and of a burst. */
const AHEAD = 64;
const BURST_BEATS = 16;
const COUNT_BITS = indexWidth(AHEAD + 1);
const RESPONSE_BITS = 2;
export const LENGTH_OF_PROGRAM_BITS = 24;

const FETCH_PORTS = {
  inputs: {
    start: 1,
    address: ADDRESS_BITS,
    length: LENGTH_OF_PROGRAM_BITS,
    arready: 1,
    rvalid: 1,
    rdata: 8 * FETCH_BYTES,
    rresp: RESPONSE_BITS,
    ready: 1,
  },
  outputs: {
    arvalid: 1,
    araddr: ADDRESS_BITS,
    arlen: LENGTH_BITS,
    rready: 1,
    valid: 1,
    instruction: INSTRUCTION_BITS,
    done: 1,
    error: 1,
  },
} as const;

/**
 * Fetches a program over AXI4 ahead of its dispatch: `length` instructions from `address` on, whose lowest
 * bits are ignored. `done` says that all have been taken.
 */
export function axiFetch(): Module {
  return defineModule({
    name: 'axi_fetch',
    comment: 'Fetches instructions in bursts, ahead of their dispatch.',
    ...FETCH_PORTS,
    body(p, m) {
      const beats = p.length.mulU(constant(3, BEATS_OF_INSTRUCTION)).named('beatsOfProgram');
      const first = p.address.high(ADDRESS_BITS - Math.log2(FETCH_BYTES));
      const bursts = new Bursts(
        m,
        'burst',
        p.start,
        { first, count: beats },
        FETCH_BYTES,
        BURST_BEATS,
      );
      const pop = m.wire('popBeat', 1);
      const queue = m.instance('beats', fifo(AHEAD, 8 * FETCH_BYTES), {
        push: p.rvalid,
        pushData: p.rdata,
        pop,
      });
      // A burst is asked for when there is room for all its beats.
      const room = m.register('placesTaken', COUNT_BITS, { reset: 0 });
      const mayAsk = room.ltU(AHEAD - BURST_BEATS + 1);
      const asked = bursts.valid.and(mayAsk).and(p.arready).named('asked');
      bursts.advance(mayAsk.and(p.arready));
      const burst = bursts.length.low(COUNT_BITS).add(1);
      room.set(room.add(asked.mux(burst, 0)).sub(pop.zeroExtend(COUNT_BITS)));
      const { valid, instruction } = assemble(m, queue.valid, queue.data, p.ready, pop);
      const left = m.register('instructionsLeft', LENGTH_OF_PROGRAM_BITS, { reset: 0 });
      const taken = valid.and(p.ready);
      left.set(p.start.mux(p.length, left.sub(1)), p.start.or(taken));
      return {
        arvalid: bursts.valid.and(mayAsk),
        araddr: bursts.address,
        arlen: bursts.length,
        rready: 1,
        valid,
        instruction,
        done: left.eq(0),
        error: p.rvalid.and(p.rresp.high(1)),
      };
    },
  });
}

/** Six beats become an instruction, the first lowest. */
function assemble(
  m: ModuleBuilder,
  beatValid: Signal,
  beat: Signal,
  ready: Signal,
  pop: Wire,
): { valid: Signal; instruction: Signal } {
  const bits = indexWidth(BEATS_OF_INSTRUCTION + 1);
  const count = m.register('beatsHere', bits, { reset: 0 });
  const valid = count.eq(BEATS_OF_INSTRUCTION).named('complete');
  const taken = valid.and(ready);
  pop.set(beatValid.and(valid.not().or(ready)));
  const words = m.register('words', INSTRUCTION_BITS);
  words.set(beat.concat(words.high(INSTRUCTION_BITS - beat.width)), pop);
  const kept = taken.mux(0, count);
  count.set(kept.add(pop.zeroExtend(bits)));
  return { valid, instruction: words };
}
