/** The store at work, of which there is one: its offset, its beats, and its end when the memory has all rows. */
import type { Chip } from '../../../../chip/index.ts';
import type { ModuleBuilder, Signal } from '../../../../hdl/index.ts';
import { delayed } from '../delay.ts';
import { memoryRows, type GeneratorWires } from './commandGenerator.ts';
import { dmaShape, fit, localRows, portOf, prefixed, type DmaShape } from './dmaShape.ts';
import { product, SHIFT_BITS } from './loadFront.ts';
import { COUNT_BITS } from './rowWalk.ts';
import { storeReader } from './storeReader.ts';

type Signals = Readonly<Record<string, Signal>>;

export interface StoreQueue {
  /** The store knows its address; `empty`: it moves nothing. */
  readonly prepared: Signal;
  readonly empty: Signal;
  readonly rows: Signals;
  readonly outputs: Signals;
}

/** Cycles from the start to the registered offset, and to `prepared`: as long as a load takes. */
const OFFSET_CYCLES = 5;
const PREPARED_CYCLES = 6;

export function storeQueue(
  m: ModuleBuilder,
  ports: Signals,
  chip: Chip,
  wires: GeneratorWires,
): StoreQueue {
  const shape = dmaShape(chip);
  const start = ports['storeStart']!;
  const none = ports['storeRows']!.eq(0).or(ports['storePlanes']!.eq(0)).named('storeNone');
  const keep = (name: string, value: Signal): Signal =>
    m.delay(`store${name}Kept`, value, { enable: start });
  const rows = Object.fromEntries(
    Object.entries(memoryRows(shape)).map(([name, width]) => [
      name,
      keep(name, field(ports, name, width)),
    ]),
  );
  const stride = keep('positionStride', ports['storePositionStride']!);
  const shift = keep('positionShift', fit(ports['storePositionShift']!, SHIFT_BITS));
  const added = keep('positionOffset', ports['storePositionOffset']!);
  const row = ports['storePosition']!.add(added).shr(shift).named('storeRow');
  const offset = storeOffset(m, row, start, stride, shape);
  const prepared = m.register('storePrepared', 1, { reset: 0 });
  const known = delayed(m, 'storeStarted', start, PREPARED_CYCLES, { reset: 0 });
  prepared.set(known.or(prepared.and(wires.popStore.not())));
  return {
    prepared,
    empty: keep('empty', none),
    rows: { ...rows, memory: rows['memory']!.add(offset) },
    outputs: { ...beats(m, ports, chip, none), ...completion(m, ports, wires) },
  };
}

function field(ports: Signals, name: string, width: number): Signal {
  return fit(ports[portOf('store', name)]!, width);
}

function storeOffset(
  m: ModuleBuilder,
  row: Signal,
  start: Signal,
  stride: Signal,
  { memoryBits }: DmaShape,
): Signal {
  const offset = product(m, row, stride, memoryBits);
  const known = delayed(m, 'storeOffsetKnown', start, OFFSET_CYCLES, { reset: 0 });
  return m.delay('storeOffset', offset, { enable: known });
}

function beats(m: ModuleBuilder, ports: Signals, chip: Chip, empty: Signal): Signals {
  const rows = Object.entries(localRows(dmaShape(chip)));
  const { beatValid, beatData, ...reads } = m.instance('reader', storeReader(chip), {
    start: ports['storeStart']!,
    ...prefixed(
      'next',
      Object.fromEntries(rows.map(([name, width]) => [name, field(ports, name, width)])),
    ),
    empty,
    readData: ports['readData']!,
    beatReady: ports['writeReady']!,
  }) as Record<string, Signal>;
  return { ...reads, storeBeatValid: beatValid!, storeBeatData: beatData! };
}

/** A store retires when all its commands are out and the memory has completed each. */
function completion(m: ModuleBuilder, ports: Signals, wires: GeneratorWires): Signals {
  const [start, done] = [ports['storeStart']!, ports['writeDone']!];
  const { commandValid, commandWrite, storeIssued } = wires;
  const command = commandValid.and(commandWrite).and(ports['commandReady']!);
  const active = m.register('storeActive', 1, { reset: 0 });
  const issued = m.register('storeAllIssued', 1, { reset: 0 });
  const rowsOut = m.register('storeRowsOut', COUNT_BITS, {
    reset: 0,
    comment: 'commanded, not complete',
  });
  const count = (bit: Signal): Signal => bit.zeroExtend(COUNT_BITS);
  rowsOut.set(rowsOut.add(count(command)).sub(count(done)));
  const complete = active
    .and(issued)
    .and(rowsOut.eq(count(done)))
    .named('storeComplete');
  active.set(start.or(active.and(complete.not())));
  issued.set(storeIssued.or(issued).and(complete.not()));
  return {
    storeReady: active.not(),
    storeRetire: m.delay('storeRetiring', complete, { reset: 0 }),
  };
}
