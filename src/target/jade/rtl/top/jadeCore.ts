/**
 * The core: control, the units of the four queues, local memory and position registers.
 *
 * What the simulator says of a program is what this module does, in bits and in cycles, with a memory
 * that keeps the contract of `memoryPorts`. A unit that is absent never takes an instruction.
 */
import type { Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { blockBytes, QUEUES } from '../../isa.table.ts';
import { fieldPort, fieldsOf, INSTRUCTION_BITS, isOpcode } from '../control/decoder.ts';
import { dma } from '../dma/dma.ts';
import { dmaShape } from '../dma/dmaShape.ts';
import { POSITION_INDEX_BITS } from '../memory/positionRegisters.ts';
import { Lines } from './lines.ts';

/** Bytes of an activation block, and of a word that dispatch writes. */
const ACTIVATION_BYTES = blockBytes('mxint8');
const WORD_BYTES = 4;

type Signals = Readonly<Record<string, Signal>>;

/** The units of the queues MATRIX and VECTOR. */
export interface Units {
  readonly matrix?: Module;
  readonly vector?: Module;
}

/**
 * The memory beside the core. It serves commands in order, each a row of `commandBytes` from
 * `commandAddress` on, in beats of the chip's bytesPerCycle: as many as a burst at least, byte 0 of the
 * row in byte 0 of the first. It gives a beat of a read with `readValid`, and takes a beat of a write,
 * which must be there, with `writeReady`; `writeDone` says that a row is written.
 */
export function memoryPorts(chip: Chip): {
  inputs: Record<string, number>;
  outputs: Record<string, number>;
} {
  const { memoryBits, rowBits, beatBytes } = dmaShape(chip);
  return {
    inputs: { commandReady: 1, readValid: 1, readData: 8 * beatBytes, writeReady: 1, writeDone: 1 },
    outputs: {
      commandValid: 1,
      commandWrite: 1,
      commandAddress: memoryBits,
      commandBytes: rowBits,
      writeValid: 1,
      writeData: 8 * beatBytes,
    },
  };
}

/**
 * Inputs: a stream of instructions (`valid, instruction`, taken with `ready`), the memory, the write port
 * of the position registers, `clearFault`. Outputs: `idle`, `fault` (an index outside of its table, or an
 * unknown opcode; kept until cleared), and for each queue `<queue>Start` and `<queue>Retire`.
 */
export function jadeCore(chip: Chip, units: Units = {}): Module {
  const memory = memoryPorts(chip);
  return defineModule({
    name: 'jade_core',
    comment: `The core of ${chip.name}.`,
    inputs: {
      valid: 1,
      instruction: INSTRUCTION_BITS,
      ...memory.inputs,
      positionWrite: 1,
      positionIndex: POSITION_INDEX_BITS,
      positionData: 32,
      clearFault: 1,
    },
    outputs: {
      ready: 1,
      ...memory.outputs,
      idle: 1,
      fault: 1,
      ...Object.fromEntries(
        QUEUES.flatMap((q): [string, number][] => [
          [`${q}Start`, 1],
          [`${q}Retire`, 1],
        ]),
      ),
    } as Record<string, number>,
    body: (ports: Signals, m) => body(m, ports, chip, units),
  });
}

function body(m: ModuleBuilder, ports: Signals, chip: Chip, units: Units): Record<string, Signal> {
  const lines = new Lines(m, chip, ports);
  const transfers = connectTransfers(lines, m, ports, chip);
  connectMatrix(lines, units.matrix);
  connectVector(lines, units.vector);
  lines.finish();
  const { head, faults } = lines;
  const fault = m.register('faultKept', 1, { reset: 0 });
  const illegal = head['illegal']!;
  const raised = faults.reduce((any, each) => any.or(each), illegal);
  fault.set(raised.or(fault.and(ports['clearFault']!.not())));
  return {
    ready: head['ready']!,
    ...transfers,
    idle: head['idle']!,
    fault,
    ...Object.fromEntries(
      QUEUES.flatMap((queue): [string, Signal][] => [
        [`${queue}Start`, head[`${queue}Start`]!],
        [`${queue}Retire`, lines.retired(queue)],
      ]),
    ),
  };
}

/** Loads and stores; returns what goes to the memory. */
function connectTransfers(
  lines: Lines,
  m: ModuleBuilder,
  ports: Signals,
  chip: Chip,
): Record<string, Signal> {
  const fields = (queue: 'load' | 'store'): [string, Signal][] =>
    fieldsOf(queue).map(({ name }) => [fieldPort(queue, name), lines.field(queue, name)]);
  const unit = m.instance('dma', dma(chip), {
    ...Object.fromEntries([...fields('load'), ...fields('store')]),
    loadStart: lines.head['loadStart']!,
    storeStart: lines.head['storeStart']!,
    gather: isOpcode(lines.head['loadOpcode']!, 'gather'),
    loadPosition: lines.positions['loadPosition']!,
    storePosition: lines.positions['storePosition']!,
    controlData: lines.memory['loadControlData']!,
    readData: lines.memory['storeReadData']!,
    commandReady: ports['commandReady']!,
    beatValid: ports['readValid']!,
    beatData: ports['readData']!,
    writeReady: ports['writeReady']!,
    writeDone: ports['writeDone']!,
  }) as Signals;
  for (const queue of ['load', 'store'] as const) {
    lines.drive(`${queue}Ready`, unit[`${queue}Ready`]!);
    lines.drive(`${queue}Retire`, unit[`${queue}Retire`]!);
    lines.drive(`${queue}PositionIndex`, unit[`${queue}PositionIndex`]!);
  }
  lines.driveAll(unit, 'control', 'loadControl');
  lines.driveAll(unit, 'read', 'storeRead');
  lines.driveAll(unit, 'write', 'loadWrite');
  lines.faults.push(unit['fault']!);
  return {
    commandValid: unit['commandValid']!,
    commandWrite: unit['commandWrite']!,
    commandAddress: unit['commandAddress']!,
    commandBytes: unit['commandBytes']!,
    writeValid: unit['storeBeatValid']!,
    writeData: unit['storeBeatData']!,
  };
}

function connectMatrix(lines: Lines, module: Module | undefined): void {
  if (module === undefined) return;
  const { memory } = lines;
  const unit = lines.unit('matrix', module, {
    controlData: memory['matrixControlData']!,
    listData: memory['matrixListControlData']!,
    activationData: memory['activationReadData']!,
    weightData: memory['weightReadData']!,
    accumulatorData: memory['accumulatorReadData']!,
  });
  lines.driveAll(unit, 'control', 'matrixControl');
  lines.driveAll(unit, 'list', 'matrixListControl');
  lines.driveAll(unit, 'activation', 'activationRead');
  lines.drive('activationReadBytes', ACTIVATION_BYTES);
  lines.driveAll(unit, 'weight', 'weightRead');
  lines.driveAll(unit, 'accumulatorRead', 'accumulatorRead');
  lines.driveAll(unit, 'accumulatorWrite', 'accumulatorWrite');
}

function connectVector(lines: Lines, module: Module | undefined): void {
  if (module === undefined) return;
  const { memory, positions } = lines;
  const unit = lines.unit('vector', module, {
    opcode: lines.head['vectorOpcode']!,
    controlData: memory['vectorControlData']!,
    position: positions['vectorPosition']!,
    readData: memory['vectorReadData']!,
  });
  lines.drive('vectorPositionIndex', unit['positionIndex']!);
  lines.driveAll(unit, 'control', 'vectorControl');
  lines.driveAll(unit, 'read', 'vectorRead');
  lines.driveAll(unit, 'write', 'vectorWrite');
  lines.driveAll(unit, 'controlWrite', 'dispatchWrite');
  lines.drive('dispatchWriteBytes', WORD_BYTES);
}
