/** Loads from their start to their retirement: waiting for the generator, receiving beats, retiring in order. */
import type { Chip } from '../../../../chip/index.ts';
import type { ModuleBuilder, Signal } from '../../../../hdl/index.ts';
import { fifo } from '../control/fifo.ts';
import { pack, unpack } from '../record.ts';
import { memoryRows, type GeneratorWires } from './commandGenerator.ts';
import { dmaShape, fit, localRows, portOf, prefixed, type DmaShape } from './dmaShape.ts';
import { loadFront, SHIFT_BITS } from './loadFront.ts';
import { loadReceiver } from './loadReceiver.ts';

type Signals = Readonly<Record<string, Signal>>;

export interface LoadQueue {
  /** The head waits for the generator and knows its address; `empty`: it moves nothing. */
  readonly valid: Signal;
  readonly empty: Signal;
  /** Its rows in the memory, `gather` and `list`. */
  readonly rows: Signals;
  readonly gatherValid: Signal;
  readonly gatherAddress: Signal;
  readonly outputs: Signals;
}

export function loadQueue(
  m: ModuleBuilder,
  ports: Signals,
  chip: Chip,
  wires: GeneratorWires,
): LoadQueue {
  const shape = dmaShape(chip);
  const head = waitingLoads(m, ports, shape, wires.popLoad);
  const front = frontInstance(m, ports, chip, wires);
  const valid = head.valid.and(front['offsetValid']!);
  const empty = front['skip']!.or(head.fields['none']!).named('loadEmpty');
  const offset = head.fields['gather']!.mux(0, front['offset']!);
  const { retire, outputs } = receive(m, ports, chip, head.fields, empty, wires.popLoad);
  return {
    valid,
    empty,
    rows: { ...head.fields, memory: head.fields['memory']!.add(offset) },
    gatherValid: front['gatherValid']!,
    gatherAddress: front['gatherAddress']!,
    outputs: {
      ...outputs,
      loadReady: loadReady(m, ports, chip, retire, wires.listDone),
      loadRetire: retire,
      controlValid: front['controlValid']!,
      controlAddress: front['controlAddress']!,
      fault: front['fault']!,
    },
  };
}

/** The fields of started loads, until the generator takes them. */
function waitingLoads(
  m: ModuleBuilder,
  ports: Signals,
  shape: DmaShape,
  pop: Signal,
): { valid: Signal; fields: Signals } {
  const widths: Record<string, number> = {
    gather: 1,
    none: 1,
    list: shape.localBits,
    ...memoryRows(shape),
    ...localRows(shape),
  };
  const gather = ports['gather']!;
  const noPlanes = gather.not().and(ports['loadPlanes']!.eq(0));
  const values: Record<string, Signal> = {
    ...Object.fromEntries(
      Object.entries(widths).map(([name, width]) => {
        const port = ports[portOf('load', name)];
        return [name, port ? fit(port, width) : gather];
      }),
    ),
    none: ports['loadRows']!.eq(0).or(noPlanes),
    planes: gather.mux(1, ports['loadPlanes']!),
  };
  const pushData = pack(values);
  const queue = m.instance('loads', fifo(shape.loads, pushData.width), {
    push: ports['loadStart']!,
    pushData,
    pop,
  });
  return { valid: queue.valid, fields: unpack(widths, queue.data) };
}

/** What a gather, of which there is one, needs until its end is kept in registers. */
function frontInstance(
  m: ModuleBuilder,
  ports: Signals,
  chip: Chip,
  wires: GeneratorWires,
): Signals {
  const { memoryBits } = dmaShape(chip);
  const [start, gather] = [ports['loadStart']!, ports['gather']!];
  const keep = (name: string, value: Signal): Signal =>
    m.delay(`gather${name}`, value, { enable: start.and(gather) });
  return m.instance('front', loadFront(chip), {
    start,
    gather,
    unless: ports['loadUnless']!,
    positionStride: ports['loadPositionStride']!,
    positionShift: fit(ports['loadPositionShift']!, SHIFT_BITS),
    positionOffset: ports['loadPositionOffset']!,
    position: ports['loadPosition']!,
    indexValid: wires.indexValid,
    indexAddress: wires.indexAddress,
    memoryStride: keep('Stride', ports['loadMemoryStride']!),
    limit: keep('Limit', ports['loadLimit']!),
    memory: keep('Memory', fit(ports['loadMemory']!, memoryBits)),
    controlData: ports['controlData']!,
    popOffset: wires.popLoad,
    popGather: wires.popGather,
  });
}

/** Fewer loads than the chip allows are in flight; none, for a gather; and no list is being read. */
function loadReady(
  m: ModuleBuilder,
  ports: Signals,
  { dma }: Chip,
  retire: Signal,
  listDone: Signal,
): Signal {
  const [start, gather] = [ports['loadStart']!, ports['gather']!];
  const bits = Math.ceil(Math.log2(dma.outstandingLoads + 1));
  const inFlight = m.register('loadsInFlight', bits, { reset: 0 });
  const left = inFlight.sub(retire.zeroExtend(bits)).named('loadsLeft');
  inFlight.set(left.add(start.zeroExtend(bits)));
  const reading = m.register('listReading', 1, { reset: 0 });
  reading.set(start.and(gather).or(reading.and(listDone.not())));
  const room = gather.mux(left.eq(0), left.ltU(dma.outstandingLoads));
  return room.and(reading.not());
}

/** Beats to the local memory; and retirement, a load a cycle, empty ones in their turn. */
function receive(
  m: ModuleBuilder,
  ports: Signals,
  chip: Chip,
  fields: Signals,
  empty: Signal,
  pop: Signal,
): { retire: Signal; outputs: Signals } {
  const shape = dmaShape(chip);
  const names = Object.keys(localRows(shape));
  const { done, ...writes } = m.instance('receiver', loadReceiver(chip), {
    push: pop.and(empty.not()),
    ...prefixed('next', Object.fromEntries(names.map((name) => [name, fields[name]!]))),
    beatValid: ports['beatValid']!,
    beatData: ports['beatData']!,
  }) as Record<string, Signal>;
  const retiring = m.wire('retiring', 1);
  const order = m.instance('order', fifo(shape.loads, 2), {
    push: pop,
    pushData: empty.repeat(2),
    pop: retiring,
  });
  const isEmpty = order.data.low(1);
  const bits = Math.log2(shape.loads) + 1;
  const complete = m.register('loadsComplete', bits, { reset: 0, comment: 'but not retired' });
  const completed = complete.add(done!.zeroExtend(bits)).named('loadsCompleted');
  retiring.set(order.valid.and(isEmpty.or(completed.reduceOr())));
  complete.set(completed.sub(retiring.and(isEmpty.not()).zeroExtend(bits)));
  return { retire: m.delay('loadRetiring', retiring, { reset: 0 }), outputs: writes };
}
