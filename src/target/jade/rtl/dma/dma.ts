/**
 * The unit of the queues LOAD and STORE: both share one generator of commands, which serves transfers in
 * the order they start.
 *
 *   load    start → offset and skip → commands → beats → local memory
 *   store   start → beats read ahead;  offset → commands → the memory takes the beats → retired
 *
 * Constants of the time it takes are in sim/transferTiming.ts, whose recurrence this hardware is.
 */
import type { Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
  type Wire,
} from '../../../../hdl/index.ts';
import { fieldPort, fieldsOf } from '../control/decoder.ts';
import { POSITION_INDEX_BITS } from '../memory/positionRegisters.ts';
import { commandGenerator, memoryRows, type GeneratorWires } from './commandGenerator.ts';
import { dmaShape, fit, portOf, type DmaShape } from './dmaShape.ts';
import { loadQueue } from './loadQueue.ts';
import { storeQueue } from './storeQueue.ts';

type Signals = Readonly<Record<string, Signal>>;

/**
 * Inputs: for both queues `<queue>Start` and the fields of its head; `gather`, the head of LOAD is one;
 * control data and positions three cycles after their requests; from the memory `commandReady`,
 * `beatValid, beatData` of loads, `writeReady` (takes a beat of a store) and `writeDone` (a row of a
 * store is complete). Outputs: `<queue>Ready` for the head, `<queue>Retire`; requests and accesses.
 */
export function dma(chip: Chip): Module {
  const shape = dmaShape(chip);
  const queueInputs = (queue: 'load' | 'store'): [string, number][] => [
    [`${queue}Start`, 1],
    ...fieldsOf(queue).map(({ name, bits }): [string, number] => [fieldPort(queue, name), bits]),
    [`${queue}Position`, 32],
  ];
  const beat = 8 * shape.beatBytes;
  const outputs: Record<string, number> = {
    loadReady: 1,
    loadRetire: 1,
    storeReady: 1,
    storeRetire: 1,
    controlValid: 1,
    controlAddress: shape.localBits,
    loadPositionIndex: POSITION_INDEX_BITS,
    storePositionIndex: POSITION_INDEX_BITS,
    writeValid: 1,
    writeAddress: shape.localBits,
    writeBytes: shape.beatBits,
    writeData: beat,
    readValid: 1,
    readAddress: shape.localBits,
    readBytes: shape.beatBits,
    commandValid: 1,
    commandWrite: 1,
    commandAddress: shape.memoryBits,
    commandBytes: shape.rowBits,
    storeBeatValid: 1,
    storeBeatData: beat,
    fault: 1,
  };
  return defineModule({
    name: 'dma',
    comment: 'Moves rows between the memory and the local memory, for the queues LOAD and STORE.',
    inputs: {
      ...Object.fromEntries([...queueInputs('load'), ...queueInputs('store')]),
      gather: 1,
      controlData: 32,
      readData: beat,
      commandReady: 1,
      beatValid: 1,
      beatData: beat,
      writeReady: 1,
      writeDone: 1,
    },
    outputs,
    body: (ports: Signals, m) => body(m, ports, chip, shape),
  });
}

function body(
  m: ModuleBuilder,
  ports: Signals,
  chip: Chip,
  shape: DmaShape,
): Record<string, Signal> {
  const wires = generatorWires(m, shape);
  const load = loadQueue(m, ports, chip, wires);
  const store = storeQueue(m, ports, chip, wires);
  const storeTurn = storesTurn(m, ports, shape, wires);
  const rows = Object.keys(memoryRows(shape));
  const generator = m.instance('generator', commandGenerator(chip), {
    loadValid: load.valid.and(storeTurn.not()),
    loadEmpty: load.empty,
    loadGather: load.rows['gather']!,
    loadList: load.rows['list']!,
    ...Object.fromEntries(rows.map((name) => [portOf('load', name), load.rows[name]!])),
    storeValid: storeTurn.and(store.prepared),
    storeEmpty: store.empty,
    ...Object.fromEntries(rows.map((name) => [portOf('store', name), store.rows[name]!])),
    gatherValid: load.gatherValid,
    gatherAddress: load.gatherAddress,
    commandReady: ports['commandReady']!,
  });
  for (const [name, wire] of Object.entries<Wire>({ ...wires })) wire.set(generator[name]!);
  return {
    ...load.outputs,
    ...store.outputs,
    loadPositionIndex: fit(ports['loadSequence']!, POSITION_INDEX_BITS),
    storePositionIndex: fit(ports['storeSequence']!, POSITION_INDEX_BITS),
    commandValid: wires.commandValid,
    commandWrite: wires.commandWrite,
    commandAddress: generator['commandAddress']!,
    commandBytes: generator['commandBytes']!,
  };
}

function generatorWires(m: ModuleBuilder, { localBits }: DmaShape): GeneratorWires {
  const wire = (name: string, width = 1): Wire => m.wire(name, width);
  return {
    popLoad: wire('popLoad'),
    popStore: wire('popStore'),
    popGather: wire('popGather'),
    indexValid: wire('indexValid'),
    indexAddress: wire('indexAddress', localBits),
    listDone: wire('listDone'),
    storeIssued: wire('storeIssued'),
    commandValid: wire('commandValid'),
    commandWrite: wire('commandWrite'),
  };
}

/** Whether a store waits for the generator and all transfers that started before it have had it. */
function storesTurn(
  m: ModuleBuilder,
  ports: Signals,
  { loads }: DmaShape,
  { popLoad, popStore }: GeneratorWires,
): Signal {
  const bits = Math.log2(loads) + 1;
  const one = (bit: Signal): Signal => bit.zeroExtend(bits);
  const [loadStart, storeStart] = [ports['loadStart']!, ports['storeStart']!];
  const waiting = m.register('loadsWaiting', bits, { reset: 0 });
  const stillWaiting = waiting.add(one(loadStart)).sub(one(popLoad)).named('loadsStillWaiting');
  waiting.set(stillWaiting);
  const storeWaiting = m.register('storeWaiting', 1, { reset: 0 });
  storeWaiting.set(storeStart.or(storeWaiting.and(popStore.not())));
  const ahead = m.register('loadsAhead', bits, {
    reset: 0,
    comment: 'loads before the store that waits',
  });
  ahead.set(storeStart.mux(stillWaiting, ahead.sub(1)), storeStart.or(storeWaiting.and(popLoad)));
  return storeWaiting.and(ahead.eq(0)).named('storeTurn');
}
