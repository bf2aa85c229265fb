import type { Chip } from '../../../../chip/index.ts';
import {
  constant,
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { NONE } from '../../isa.table.ts';
import { delayed } from '../delay.ts';
import { fifo } from '../control/fifo.ts';
import { dmaShape, type DmaShape } from './dmaShape.ts';
import { INDICES_AHEAD } from './commandGenerator.ts';

/** Cycles from a request to the control memory or the position registers to its data. */
const CONTROL_CYCLES = 3;

/** Of a shift of a position. */
export const SHIFT_BITS = 5;

function frontPorts({ localBits, memoryBits }: DmaShape) {
  const inputs = {
    start: 1,
    gather: 1,
    unless: 32,
    positionStride: 32,
    positionShift: SHIFT_BITS,
    positionOffset: 32,
    position: 32,
    indexValid: 1,
    indexAddress: localBits,
    memoryStride: 32,
    limit: 32,
    memory: memoryBits,
    controlData: 32,
    popOffset: 1,
    popGather: 1,
  } as const;
  const outputs = {
    controlValid: 1,
    controlAddress: localBits,
    offsetValid: 1,
    skip: 1,
    offset: memoryBits,
    gatherValid: 1,
    gatherAddress: memoryBits,
    fault: 1,
  } as const;
  return { inputs, outputs };
}

/**
 * What loads read before they know their addresses: the word that skips them and their position; or the
 * indices of a gather. One pipeline with one multiplier serves both: a start, or an index, a cycle.
 *
 *   t  request   t+3  word, position   t+4  factors   t+5  offset = factor · stride
 *
 * `offsetValid` offers the results of starts in order; `gatherValid` the addresses of a gather's rows.
 */
export function loadFront(chip: Chip): Module {
  const { memoryBits, localBits, loads } = dmaShape(chip);
  return defineModule({
    name: 'load_front',
    comment:
      'Finds whether a load is skipped, its offset by position, and the addresses of gathers.',
    ...frontPorts(dmaShape(chip)),
    body(p, m) {
      const tests = p.start.and(p.gather.not()).and(p.unless.ne(NONE)).named('tests');
      const late = (name: string, value: Signal): Signal =>
        delayed(m, name, value, CONTROL_CYCLES, { reset: 0 });
      const [start, index, testing] = [
        late('start', p.start),
        late('index', p.indexValid),
        late('testing', tests),
      ];
      const stride = delayed(m, 'stride', p.positionStride, CONTROL_CYCLES);
      const shift = delayed(m, 'shift', p.positionShift, CONTROL_CYCLES);
      const added = delayed(m, 'added', p.positionOffset, CONTROL_CYCLES);
      const row = p.position.add(added).shr(shift).named('row');
      const inside = p.controlData.high(1).not().and(p.controlData.ltU(p.limit)).named('inside');
      const factor = index.mux(inside.mux(p.controlData, 0), row);
      const offset = product(m, factor, index.mux(p.memoryStride, stride), memoryBits);
      const skip = delayed(m, 'skip', testing.and(p.controlData.eq(0)), 2);
      const offsets = m.instance('offsets', fifo(loads, memoryBits + 1), {
        push: delayed(m, 'startOffset', start, 2, { reset: 0 }),
        pushData: skip.concat(offset),
        pop: p.popOffset,
      });
      const addresses = m.instance('addresses', fifo(INDICES_AHEAD, memoryBits), {
        push: delayed(m, 'indexOffset', index, 2, { reset: 0 }),
        pushData: p.memory.add(offset),
        pop: p.popGather,
      });
      return {
        controlValid: tests.or(p.indexValid),
        controlAddress: p.indexValid.mux(p.indexAddress, p.unless.low(localBits)),
        offsetValid: offsets.valid,
        skip: offsets.data.high(1),
        offset: offsets.data.low(memoryBits),
        gatherValid: addresses.valid,
        gatherAddress: addresses.data,
        fault: index.and(inside.not()),
      };
    },
  });
}

/** The product of factor and stride modulo 2^bits, two cycles later. */
export function product(m: ModuleBuilder, factor: Signal, stride: Signal, bits: number): Signal {
  const [a, b] = [m.delay('factor', factor), m.delay('factorStride', stride)];
  const whole = a.mulU(b);
  const low = whole.width >= bits ? whole.low(bits) : constant(bits - whole.width, 0).concat(whole);
  return m.delay('offsetNow', low.named('product'));
}
