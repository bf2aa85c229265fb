/**
 * The core: everything of a chip but its bus. Instructions come in as a stream, transfers go to a memory
 * that serves row commands in order; verification sees each start and each completion.
 */
import { type Chip } from '../../../../chip/index.ts';
import {
  constant,
  defineModule,
  joinLanes,
  type Module,
  type ModuleBuilder,
  type Signal,
  type Wire,
} from '../../../../hdl/index.ts';
import { QUEUES, type Queue } from '../../isa.table.ts';
import { decodeFields, INSTRUCTION_BITS } from '../control/decoder.ts';
import { dispatcher } from '../control/dispatcher.ts';
import { issue } from '../control/issue.ts';
import { memoryPorts, transferUnit } from '../dma/transferUnit.ts';
import { ACTIVATION_BLOCK_BYTES } from '../matrix/matrixShape.ts';
import { matrixUnit } from '../matrix/matrixUnit.ts';
import { localMemory } from '../memory/localMemory.ts';
import { countBits, localAddressBits, readClients } from '../memory/memoryShape.ts';
import { POSITION_INDEX_BITS, positionRegisters } from '../memory/positionRegisters.ts';
import { vectorUnit } from '../vector/vectorUnit.ts';

const QUEUE_COUNT = QUEUES.length;

type Ports = Readonly<Record<string, Signal>>;

export function jadeCore(chip: Chip) {
  const memory = memoryPorts(chip);
  return defineModule({
    name: 'jade_core',
    comment: `${chip.name} without its bus: queues, units, local memory.`,
    inputs: {
      instructionValid: 1,
      instruction: INSTRUCTION_BITS,
      positionWrite: 1,
      positionIndex: POSITION_INDEX_BITS,
      positionValue: 32,
      clearFault: 1,
      ...memory.inputs,
    } as Record<string, number>,
    outputs: {
      instructionReady: 1,
      idle: 1,
      fault: 1,
      start: QUEUE_COUNT,
      retire: QUEUE_COUNT,
      ...memory.outputs,
    } as Record<string, number>,
    body: (inputs: Ports, m) => build(m, inputs, chip),
  });
}

function build(m: ModuleBuilder, inputs: Ports, chip: Chip): Ports {
  const starts = m.wire('starts', QUEUE_COUNT);
  const heads = m.instance('dispatcher', dispatcher(), {
    instructionValid: inputs['instructionValid']!,
    instruction: inputs['instruction']!,
    pop: starts,
  });
  const started = (queue: Queue): Ports => {
    const fields = decodeFields((heads as Ports)[`${queue}Head`]!, queue);
    return { ...fields, start: starts.bit(QUEUES.indexOf(queue)) };
  };
  const answers = memoryAnswers(m, chip);
  const addressBits = localAddressBits(chip);

  const matrix = connectUnit(m, 'matrix', matrixUnit(chip, addressBits), {
    ...started('matrix'),
    controlData: answers['matrixControlData']!,
    listData: answers['listControlData']!,
    weightData: answers['weightReadData']!,
    activationData: answers['activationReadData']!,
    accumulatorData: answers['sumReadData']!,
  });
  const vector = connectUnit(m, 'vector', vectorUnit(chip, addressBits), {
    ...started('vector'),
    controlData: answers['vectorControlData']!,
    position: answers['vectorPosition']!,
    readData: answers['vectorReadData']!,
  });
  const transfers = connectUnit(m, 'transfers', transferUnit(chip), {
    ...prefixed('load', started('load')),
    ...prefixed('store', started('store')),
    ...inputs,
    loadControlData: answers['loadControlData']!,
    loadPosition: answers['loadPosition']!,
    storePosition: answers['storePosition']!,
    storeReadData: answers['storeReadData']!,
  });
  connectMemory(m, inputs, chip, { matrix, vector, transfers }, answers);

  const ready = [
    transfers['loadReady']!,
    matrix['ready']!,
    vector['ready']!,
    transfers['storeReady']!,
  ];
  const retires = [
    transfers['loadRetire']!,
    matrix['retire']!,
    vector['retire']!,
    transfers['storeRetire']!,
  ];
  const retire = joinLanes(retires);
  const { headValid, loadHead, matrixHead, vectorHead, storeHead } = heads;
  const issued = m.instance('issue', issue(chip), {
    ...{ headValid, loadHead, matrixHead, vectorHead, storeHead },
    ready: joinLanes(ready),
    retire,
  });
  starts.set(issued.start);
  const faults = transfers['fault']!.or(matrix['fault']!).or(vector['fault']!);
  const fault = m.register('faultSeen', 1, {
    reset: 0,
    comment: 'an index was outside of its list',
  });
  fault.set(faults.or(fault.and(inputs['clearFault']!.not())));
  const memory = Object.keys(memoryPorts(chip).outputs).map((name) => [name, transfers[name]!]);
  return {
    instructionReady: heads.instructionReady,
    idle: heads.idle.and(issued.idle),
    fault,
    start: starts,
    retire,
    ...Object.fromEntries(memory),
  };
}

/** Wires for what memories answer: units and memories need each other. */
function memoryAnswers(m: ModuleBuilder, chip: Chip): Readonly<Record<string, Wire>> {
  const outputs = { ...localMemory(chip).outputs, ...positionRegisters().outputs };
  const wires = Object.entries(outputs).map(([name, { width }]) => [
    name,
    m.wire(`${name}Wire`, width),
  ]);
  return Object.fromEntries(wires);
}

/** An instance of a unit with those of the signals that it has ports for. */
function connectUnit(m: ModuleBuilder, name: string, unit: Module, signals: Ports): Ports {
  const names = Object.keys(unit.inputs);
  const missing = names.filter((port) => signals[port] === undefined);
  if (missing.length > 0)
    throw new Error(`${name} has ports without a signal: ${missing.join(', ')}`);
  return m.instance(name, unit, Object.fromEntries(names.map((port) => [port, signals[port]!])));
}

/** `start` of load as `loadStart`. */
function prefixed(prefix: string, signals: Ports): Ports {
  const named = Object.entries(signals).map(([name, signal]) => {
    return [`${prefix}${name.charAt(0).toUpperCase()}${name.slice(1)}`, signal];
  });
  return Object.fromEntries(named);
}

interface Units {
  readonly matrix: Ports;
  readonly vector: Ports;
  readonly transfers: Ports;
}

/** The local memory and the position registers between the units. */
function connectMemory(
  m: ModuleBuilder,
  inputs: Ports,
  chip: Chip,
  { matrix, vector, transfers }: Units,
  answers: Readonly<Record<string, Wire>>,
): void {
  const writesControl = vector['controlWriteValid']!;
  const vectorWrite = (port: string, control: Signal): Signal => {
    const data = vector[`write${port}`]!;
    return writesControl.mux(control.zeroExtend(data.width), data).named(`vectorWrite${port}`);
  };
  const local = connectUnit(m, 'localMemory', localMemory(chip), {
    ...renamed(matrix, 'activationRead', 'activation'),
    activationReadBytes: constant(countOf(chip, 'activation'), ACTIVATION_BLOCK_BYTES),
    ...renamed(matrix, 'weightRead', 'weight'),
    ...renamed(matrix, 'sumRead', 'accumulatorRead'),
    ...renamed(matrix, 'sumWrite', 'accumulatorWrite'),
    ...renamed(matrix, 'matrixControl', 'control'),
    ...renamed(matrix, 'listControl', 'list'),
    ...renamed(vector, 'vectorRead', 'read'),
    ...renamed(vector, 'vectorControl', 'control'),
    vectorWriteValid: writesControl.or(vector['writeValid']!),
    vectorWriteAddress: vectorWrite('Address', vector['controlWriteAddress']!),
    vectorWriteBytes: vectorWrite('Bytes', constant(4, 4)),
    vectorWriteData: vectorWrite('Data', vector['controlWriteData']!),
    ...transfers,
  });
  const positions = connectUnit(m, 'positions', positionRegisters(), {
    write: inputs['positionWrite']!,
    writeIndex: inputs['positionIndex']!,
    writeData: inputs['positionValue']!,
    loadPositionIndex: transfers['loadPositionIndex']!,
    storePositionIndex: transfers['storePositionIndex']!,
    vectorPositionIndex: vector['positionIndex']!,
  });
  for (const [name, signal] of Object.entries({ ...local, ...positions }))
    answers[name]!.set(signal);
}

/** A unit's request ports under the name of its client of the local memory. */
function renamed(unit: Ports, client: string, prefix: string): Ports {
  const ports = ['Valid', 'Address', 'Bytes', 'Data'].filter((port) => unit[`${prefix}${port}`]);
  return Object.fromEntries(ports.map((port) => [`${client}${port}`, unit[`${prefix}${port}`]!]));
}

/** Bits of the number of bytes that a client asks for. */
function countOf(chip: Chip, name: string): number {
  return countBits(readClients(chip).find((client) => client.name === name)!);
}
