import type { Chip } from '../../../../chip/index.ts';
import { defineModule, type Module, type Signal } from '../../../../hdl/index.ts';
import { fifo } from '../control/fifo.ts';
import { pack, unpack } from '../record.ts';
import { Beats } from './beats.ts';
import { dmaShape, localRows, portOf, prefixed } from './dmaShape.ts';
import { RowWalk } from './rowWalk.ts';

/**
 * Puts the beats of loads, which come in the order of `push`, into the local memory: those behind the
 * bytes of a row are dropped. `done` says that a load's last beat is here. A load must be pushed three
 * cycles before its first beat.
 */
export function loadReceiver(chip: Chip): Module {
  const shape = dmaShape(chip);
  const rows = localRows(shape);
  const beatBits = 8 * shape.beatBytes;
  return defineModule({
    name: 'load_receiver',
    comment: 'Writes the beats of loads to their rows in the local memory.',
    inputs: { push: 1, ...prefixed('next', rows), beatValid: 1, beatData: beatBits },
    outputs: {
      done: 1,
      writeValid: 1,
      writeAddress: shape.localBits,
      writeBytes: shape.beatBits,
      writeData: beatBits,
    },
    body(ports: Readonly<Record<string, Signal>>, m) {
      const { push, beatValid, beatData } = ports as Record<
        'push' | 'beatValid' | 'beatData',
        Signal
      >;
      const fields = Object.fromEntries(
        Object.keys(rows).map((name) => [name, ports[portOf('next', name)]!]),
      );
      const take = m.wire('take', 1);
      const pushData = pack(fields);
      const queue = m.instance('waiting', fifo(shape.loads, pushData.width), {
        push,
        pushData,
        pop: take,
      });
      const next = unpack(rows, queue.data);
      const active = m.register('active', 1, { reset: 0 });
      const rowBytes = m.delay('rowBytesNow', next.rowBytes, { enable: take });
      const walk = new RowWalk(m, 'local', take, {
        address: next.local,
        stride: next.localStride,
        planeStride: next.localPlaneStride,
        rows: next.rows,
        planes: next.planes,
      });
      const beats = new Beats(m, 'beat', rowBytes, shape);
      const rowDone = beatValid.and(beats.last);
      const done = rowDone.and(walk.last);
      take.set(queue.valid.and(active.not().or(done)));
      active.set(take.or(active.and(done.not())));
      walk.advance(rowDone);
      beats.advance(take, beatValid, shape.beatBytes);
      m.assert('beatExpected', active.or(beatValid.not()));
      return {
        done,
        writeValid: beatValid.and(beats.bytes.reduceOr()),
        writeAddress: walk.address.add(beats.at.low(shape.localBits)),
        writeBytes: beats.bytes,
        writeData: beatData,
      };
    },
  });
}
