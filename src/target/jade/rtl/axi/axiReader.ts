import type { Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  joinLanes,
  type Module,
  type ModuleBuilder,
  type Register,
  type Signal,
} from '../../../../hdl/index.ts';
import { fifo } from '../control/fifo.ts';
import { pack, unpack } from '../record.ts';
import { ADDRESS_BITS, axiShape, LENGTH_BITS, type AxiShape } from './axiShape.ts';
import { Bursts } from './bursts.ts';
import { bitsOf, busRow } from './busRow.ts';

/** Rows between their command and their last beat. */
const ROWS_AHEAD = 16;
const RESPONSE_BITS = 2;

function readerPorts(shape: AxiShape) {
  const inputs = {
    rowValid: 1,
    rowAddress: shape.memoryBits,
    rowBytes: shape.rowBits,
    arready: 1,
    rvalid: 1,
    rdata: 8 * shape.busBytes,
    rresp: RESPONSE_BITS,
  } as const;
  const outputs = {
    rowReady: 1,
    arvalid: 1,
    araddr: ADDRESS_BITS,
    arlen: LENGTH_BITS,
    rready: 1,
    beatValid: 1,
    beatData: 8 * shape.beatBytes,
    error: 1,
  } as const;
  return { inputs, outputs };
}

/**
 * Reads rows over AXI4, several ahead, and gives their beats to the core as the memory contract has it:
 * from byte 0 of a beat on, a burst at least, beats behind the row with any value.
 */
export function axiReader(chip: Chip): Module {
  const shape = axiShape(chip);
  return defineModule({
    name: 'axi_reader',
    comment: 'Reads rows in legal bursts and moves their bytes to the lanes of the core.',
    ...readerPorts(shape),
    body(ports, m) {
      const row = busRow(ports.rowAddress, ports.rowBytes, shape);
      const take = m.wire('takeRow', 1);
      const next = m.wire('nextRow', 1);
      const { offset, busBeats, rowBeats, coreBeats } = row;
      const pushData = pack({ offset, busBeats, rowBeats, coreBeats });
      const rows = m.instance('rows', fifo(ROWS_AHEAD, pushData.width), {
        push: take,
        pushData,
        pop: next,
      });
      const bursts = new Bursts(
        m,
        'burst',
        take,
        { first: row.first, count: busBeats },
        shape.busBytes,
      );
      const rowReady = bursts.valid.not().and(rows.room);
      take.set(rowReady.and(ports.rowValid));
      bursts.advance(ports.arready);
      const { countBits } = shape;
      const widths = {
        offset: offset.width,
        busBeats: countBits,
        rowBeats: countBits,
        coreBeats: countBits,
      };
      const { finish, ...outputs } = realign(m, ports, unpack(widths, rows.data), next, shape);
      const active = m.register('active', 1, { reset: 0 });
      next.set(rows.valid.and(active.not().or(finish)));
      active.set(next.or(active.and(finish.not())));
      return {
        rowReady,
        arvalid: bursts.valid,
        araddr: bursts.address,
        arlen: bursts.length,
        ...outputs,
        error: ports.rvalid.and(ports.rresp.high(1)),
      };
    },
  });
}

type RowState = Readonly<Record<'offset' | 'busBeats' | 'rowBeats' | 'coreBeats', Signal>>;

/**
 * Joins each beat of the bus with the one before. A row that begins within a beat first takes one that
 * gives nothing yet, and may end with bytes of a beat that is already here.
 */
function realign(
  m: ModuleBuilder,
  { rvalid, rdata }: Readonly<Record<'rvalid' | 'rdata', Signal>>,
  row: RowState,
  load: Signal,
  shape: AxiShape,
): Readonly<Record<'rready' | 'beatValid' | 'beatData' | 'finish', Signal>> {
  const count = (name: string, width: number): Register => m.register(name, width, { reset: 0 });
  const busLeft = count('busLeft', shape.countBits);
  const rowLeft = count('rowLeft', shape.countBits);
  const coreLeft = count('coreLeft', shape.countBits);
  const offset = m.delay('offsetNow', row.offset, { enable: load });
  const primed = m.register('primed', 1, { comment: 'the beat before is of this row' });
  const rready = busLeft.reduceOr();
  const taken = rready.and(rvalid).named('taken');
  const before = m.delay('previous', rdata, { enable: taken });
  const aligned = offset.reduceOr().not().named('aligned');
  const rest = rready.not().and(rowLeft.reduceOr()).named('rest');
  const emit = taken.and(aligned.or(primed)).or(rest).named('emit');
  const both = rdata.concat(aligned.mux(rdata, before));
  const bytes = both.shr(bitsOf(offset)).low(rdata.width).named('movedBytes');
  const { whole, beatData } = collect(m, bytes, emit, load, shape);
  const lastOfRow = emit.and(rowLeft.eq(1));
  const behind = rready.or(rowLeft.reduceOr()).not().and(coreLeft.reduceOr()).named('behind');
  const beatValid = emit.and(whole).or(lastOfRow).or(behind).named('beat');
  busLeft.set(load.mux(row.busBeats, busLeft.sub(1)), load.or(taken));
  rowLeft.set(load.mux(row.rowBeats, rowLeft.sub(1)), load.or(emit));
  coreLeft.set(load.mux(row.coreBeats, coreLeft.sub(1)), load.or(beatValid));
  primed.set(load.not(), load.or(taken));
  return { rready, beatValid, beatData, finish: beatValid.and(coreLeft.eq(1)) };
}

/** Beats of the bus side by side until they are one of the core. */
function collect(
  m: ModuleBuilder,
  bytes: Signal,
  emit: Signal,
  restart: Signal,
  { slices }: AxiShape,
): { whole: Signal; beatData: Signal } {
  if (slices === 1) return { whole: emit, beatData: bytes };
  const slot = m.register('slot', Math.log2(slices), { reset: 0 });
  slot.set(restart.mux(0, slot.add(1)), restart.or(emit));
  const kept = Array.from({ length: slices - 1 }, (_, i) =>
    m.delay(`slice${i}`, bytes, { enable: emit.and(slot.eq(i)) }),
  );
  const lanes = kept.map((slice, i) => slot.eq(i).mux(bytes, slice));
  return { whole: slot.reduceAnd(), beatData: joinLanes([...lanes, bytes]) };
}
