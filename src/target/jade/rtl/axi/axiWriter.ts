import type { Chip } from '../../../../chip/index.ts';
import {
  constant,
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { ADDRESS_BITS, axiShape, beatsOfBlock, LENGTH_BITS, type AxiShape } from './axiShape.ts';
import { Bursts } from './bursts.ts';
import { bitsOf, busRow, type BusRow } from './busRow.ts';

const RESPONSE_BITS = 2;

function writerPorts(shape: AxiShape) {
  const inputs = {
    rowValid: 1,
    rowAddress: shape.memoryBits,
    rowBytes: shape.rowBits,
    beatValid: 1,
    beatData: 8 * shape.beatBytes,
    awready: 1,
    wready: 1,
    bvalid: 1,
    bresp: RESPONSE_BITS,
  } as const;
  const outputs = {
    rowReady: 1,
    rowDone: 1,
    beatReady: 1,
    awvalid: 1,
    awaddr: ADDRESS_BITS,
    awlen: LENGTH_BITS,
    wvalid: 1,
    wdata: 8 * shape.busBytes,
    wstrb: shape.busBytes,
    wlast: 1,
    bready: 1,
    error: 1,
  } as const;
  return { inputs, outputs };
}

/**
 * Writes rows over AXI4, one after the other: a row is done when the bus has answered all its bursts, and
 * only then the next is taken. The core's beats behind the bytes of a row are dropped.
 */
export function axiWriter(chip: Chip): Module {
  const shape = axiShape(chip);
  return defineModule({
    name: 'axi_writer',
    comment: 'Writes rows in legal bursts, with strobes for the bytes at their ends.',
    ...writerPorts(shape),
    body(ports, m) {
      const row = busRow(ports.rowAddress, ports.rowBytes, shape);
      const busy = m.register('busy', 1, { reset: 0 });
      const take = busy.not().and(ports.rowValid).named('takeRow');
      const bursts = new Bursts(
        m,
        'burst',
        take,
        { first: row.first, count: row.busBeats },
        shape.busBytes,
      );
      bursts.advance(ports.awready);
      const { done, ...beats } = writeBeats(m, ports, row, take, shape);
      const asked = bursts.valid.and(ports.awready);
      const open = m.register('open', shape.countBits, {
        reset: 0,
        comment: 'bursts without an answer',
      });
      const change = asked.mux(open.constant(1), -1);
      open.set(open.add(change), asked.xor(ports.bvalid));
      const rowDone = busy.and(done).and(bursts.valid.not()).and(open.eq(0)).named('rowIsDone');
      busy.set(take.or(busy.and(rowDone.not())));
      return {
        rowReady: busy.not(),
        rowDone,
        awvalid: bursts.valid,
        awaddr: bursts.address,
        awlen: bursts.length,
        ...beats,
        bready: 1,
        error: ports.bvalid.and(ports.bresp.high(1)),
      };
    },
  });
}

type Beats = Readonly<
  Record<'wvalid' | 'wdata' | 'wstrb' | 'wlast' | 'beatReady' | 'done', Signal>
>;

/** Beats of the bus: each joins the core's bytes at hand with those left over from before. */
function writeBeats(
  m: ModuleBuilder,
  ports: Readonly<Record<'beatValid' | 'beatData' | 'wready' | 'rowBytes', Signal>>,
  row: BusRow,
  load: Signal,
  shape: AxiShape,
): Beats {
  const { countBits, busBytes } = shape;
  const [busLeft, rowLeft, coreLeft] = ['busLeft', 'rowLeft', 'coreLeft'].map((name) =>
    m.register(name, countBits, { reset: 0 }),
  ) as [Counter, Counter, Counter];
  const offset = m.delay('offsetNow', row.offset, { enable: load });
  const writing = busLeft.reduceOr();
  const needs = rowLeft.reduceOr();
  const wvalid = writing.and(needs.not().or(ports.beatValid)).named('beatOut');
  const step = wvalid.and(ports.wready).named('step');
  const use = step.and(needs).named('useSlice');
  const { slice, lastSlice } = sliceOf(m, ports.beatData, use, load, shape);
  const before = m.delay('previous', slice, { enable: use });
  const drop = writing.not().and(coreLeft.reduceOr()).and(ports.beatValid).named('drop');
  const beatReady = use
    .and(lastSlice.or(rowLeft.eq(1)))
    .or(drop)
    .named('takeBeat');
  busLeft.set(load.mux(row.busBeats, busLeft.sub(1)), load.or(step));
  rowLeft.set(load.mux(row.rowBeats, rowLeft.sub(1)), load.or(use));
  coreLeft.set(load.mux(row.coreBeats, coreLeft.sub(1)), load.or(beatReady));
  const moved = slice.concat(before).shl(bitsOf(offset)).high(slice.width);
  return {
    wvalid,
    wdata: moved.named('movedBytes'),
    wstrb: strobes(m, ports.rowBytes, row, load, step, busLeft.eq(1), busBytes),
    wlast: lastOfBurst(m, row.first, load, step, busBytes).or(busLeft.eq(1)),
    beatReady,
    done: writing.or(coreLeft.reduceOr()).not(),
  };
}

type Counter = ReturnType<ModuleBuilder['register']>;

/** The part of the core's beat that goes next, and whether it is the last. */
function sliceOf(
  m: ModuleBuilder,
  beat: Signal,
  use: Signal,
  restart: Signal,
  { slices, busBytes }: AxiShape,
): { slice: Signal; lastSlice: Signal } {
  if (slices === 1) return { slice: beat, lastSlice: constant(1, 1) };
  const slot = m.register('slot', Math.log2(slices), { reset: 0 });
  slot.set(restart.mux(0, slot.add(1)), restart.or(use));
  return { slice: slot.choose(beat.lanes(8 * busBytes)), lastSlice: slot.reduceAnd() };
}

/** All bytes, but in the first beat those from the offset on, in the last those before the end. */
function strobes(
  m: ModuleBuilder,
  bytes: Signal,
  row: BusRow,
  load: Signal,
  step: Signal,
  last: Signal,
  busBytes: number,
): Signal {
  const ones = constant(busBytes, (1n << BigInt(busBytes)) - 1n);
  const first = m.register('firstBeat', 1);
  first.set(load, load.or(step));
  const offset = m.delay('firstByte', row.offset, { enable: load });
  const width = row.offset.width;
  const end = bytes.low(width).add(row.offset).named('endByte');
  // Of `end` bytes in the last beat, where 0 is all.
  const behind = m.delay('bytesBehind', end.negate(), { enable: load });
  const head = first.mux(ones.shl(offset), ones);
  const tail = last.mux(ones.shr(behind), ones);
  return busBytes === 1 ? ones : head.and(tail);
}

/** Whether the beat at hand is the last of a block, where bursts end. */
function lastOfBurst(
  m: ModuleBuilder,
  first: Signal,
  load: Signal,
  step: Signal,
  busBytes: number,
): Signal {
  const bits = Math.log2(beatsOfBlock(busBytes));
  const place = m.register('placeInBlock', bits);
  place.set(load.mux(first.low(bits), place.add(1)), load.or(step));
  return place.reduceAnd();
}
