import type { Chip } from '../../../../chip/index.ts';
import { defineModule, type Module, type Signal } from '../../../../hdl/index.ts';
import { fifo } from '../control/fifo.ts';
import { delayed } from '../delay.ts';
import { Beats } from './beats.ts';
import { dmaShape, localRows, prefixed } from './dmaShape.ts';
import { RowWalk } from './rowWalk.ts';

/** Beats asked for ahead: more than the six cycles that one needs from its request to its leaving. */
const AHEAD = 8;

/**
 * Reads the beats of one store ahead of the memory: from the cycle after `start` on, one a cycle. The
 * memory takes one with `beatReady` where `beatValid`; those behind the bytes of a row have any value.
 */
export function storeReader(chip: Chip): Module {
  const shape = dmaShape(chip);
  const beatBits = 8 * shape.beatBytes;
  return defineModule({
    name: 'store_reader',
    comment: 'Reads the beats of a store from the local memory ahead of their use.',
    inputs: {
      start: 1,
      ...prefixed('next', localRows(shape)),
      empty: 1,
      readData: beatBits,
      beatReady: 1,
    },
    outputs: {
      readValid: 1,
      readAddress: shape.localBits,
      readBytes: shape.beatBits,
      beatValid: 1,
      beatData: beatBits,
    },
    body(ports: Readonly<Record<string, Signal>>, m) {
      const of = (name: string): Signal => ports[name]!;
      const start = of('start');
      const active = m.register('active', 1, { reset: 0 });
      const rowBytes = m.delay('rowBytesNow', of('nextRowBytes'), { enable: start });
      const walk = new RowWalk(m, 'local', start, {
        address: of('nextLocal'),
        stride: of('nextLocalStride'),
        planeStride: of('nextLocalPlaneStride'),
        rows: of('nextRows'),
        planes: of('nextPlanes'),
      });
      const beats = new Beats(m, 'beat', rowBytes, shape);
      const asked = m.register('asked', Math.log2(AHEAD) + 1, {
        reset: 0,
        comment: 'beats between request and leaving',
      });
      const ask = active.and(asked.ltU(AHEAD)).named('ask');
      const rowDone = ask.and(beats.last);
      active.set(start.mux(of('empty').not(), active.and(rowDone.and(walk.last).not())));
      walk.advance(rowDone);
      beats.advance(start, ask, shape.beatBytes);
      const push = delayed(m, 'asked', ask, 3, { reset: 0 });
      const beat = m.instance('beats', fifo(AHEAD, beatBits), {
        push,
        pushData: of('readData'),
        pop: of('beatReady'),
      });
      const width = asked.width;
      asked.set(asked.add(ask.zeroExtend(width)).sub(of('beatReady').zeroExtend(width)));
      return {
        readValid: ask.and(beats.bytes.reduceOr()),
        readAddress: walk.address.add(beats.at.low(shape.localBits)),
        readBytes: beats.bytes,
        beatValid: beat.valid,
        beatData: beat.data,
      };
    },
  });
}
