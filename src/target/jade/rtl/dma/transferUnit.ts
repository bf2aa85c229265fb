/**
 * The unit of the queues LOAD and STORE: both share one generator of commands, which serves transfers in
 * the order they start.
 *
 *   load    start → offset and skip → commands → beats → local memory
 *   store   start → beats read ahead;  offset → commands → the memory takes the beats → retired
 *
 * Constants of the time it takes are in sim/transferTiming.ts, whose recurrence this hardware is.
 */
import { type Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
  type Wire,
} from '../../../../hdl/index.ts';
import { fieldPorts, OPCODE_BITS } from '../control/decoder.ts';
import { POSITION_INDEX_BITS } from '../memory/positionRegisters.ts';
import { commandGenerator, memoryRows, type GeneratorWires } from './commandGenerator.ts';
import { dmaShape, fit, portOf, prefixed, type DmaShape } from './dmaShape.ts';
import { loadQueue } from './loadQueue.ts';
import { storeQueue } from './storeQueue.ts';

type Signals = Readonly<Record<string, Signal>>;

/** Bits of the bytes of a row in a command. */
const COMMAND_BYTES_BITS = 32;

/**
 * The memory beside the core. It serves commands in order, each a row of `commandBytes` from
 * `commandAddress` on, in beats of the chip's bytesPerCycle: as many as a burst at least, byte 0 of the
 * row in byte 0 of the first. It gives a beat of a read with `readValid`; it takes a beat of a write,
 * which must be there, with `writeReady`; `writeDone` says that a row is written for good. `writeBytes`
 * counts the bytes of the row in the beat.
 */
export function memoryPorts(chip: Chip): {
  inputs: Record<string, number>;
  outputs: Record<string, number>;
} {
  const { memoryBits, beatBytes, beatBits } = dmaShape(chip);
  return {
    inputs: { commandReady: 1, readValid: 1, readData: 8 * beatBytes, writeReady: 1, writeDone: 1 },
    outputs: {
      commandValid: 1,
      commandWrite: 1,
      commandAddress: memoryBits,
      commandBytes: COMMAND_BYTES_BITS,
      writeValid: 1,
      writeData: 8 * beatBytes,
      writeBytes: beatBits,
    },
  };
}

/**
 * Inputs: for both queues `<queue>Start`, the fields of its head, `<queue>Position`; the opcode of the
 * head of LOAD; data of the control memory and of the store's reads, each three cycles after its request;
 * the memory. Outputs: `<queue>Ready` for the head, `<queue>Retire`; requests and writes; the memory.
 */
export function transferUnit(chip: Chip): Module {
  const shape = dmaShape(chip);
  const memory = memoryPorts(chip);
  const queueInputs = (queue: 'load' | 'store'): Record<string, number> =>
    prefixed(queue, { start: 1, ...fieldPorts(queue), position: 32 });
  return defineModule({
    name: 'transfer_unit',
    comment: 'Moves rows between the memory and the local memory, for the queues LOAD and STORE.',
    inputs: {
      ...queueInputs('load'),
      ...queueInputs('store'),
      loadOpcode: OPCODE_BITS,
      loadControlData: 32,
      storeReadData: 8 * shape.beatBytes,
      ...memory.inputs,
    },
    outputs: { ...unitOutputs(shape), ...memory.outputs },
    body: (ports: Signals, m) => body(m, ports, chip, shape),
  });
}

function unitOutputs({ localBits, beatBits, beatBytes }: DmaShape): Record<string, number> {
  return {
    loadReady: 1,
    loadRetire: 1,
    storeReady: 1,
    storeRetire: 1,
    fault: 1,
    loadControlValid: 1,
    loadControlAddress: localBits,
    loadPositionIndex: POSITION_INDEX_BITS,
    storePositionIndex: POSITION_INDEX_BITS,
    loadWriteValid: 1,
    loadWriteAddress: localBits,
    loadWriteBytes: beatBits,
    loadWriteData: 8 * beatBytes,
    storeReadValid: 1,
    storeReadAddress: localBits,
    storeReadBytes: beatBits,
  };
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
    loadPositionIndex: fit(ports['loadSequenceIndex']!, POSITION_INDEX_BITS),
    storePositionIndex: fit(ports['storeSequenceIndex']!, POSITION_INDEX_BITS),
    commandValid: wires.commandValid,
    commandWrite: wires.commandWrite,
    commandAddress: generator['commandAddress']!,
    commandBytes: fit(generator['commandBytes']!, COMMAND_BYTES_BITS),
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
