/**
 * The local memory in pieces, each a module of the functions that the whole is made of. A piece depends on
 * fewer sizes of the chip than the whole, so chips that differ have most of their pieces in common: what
 * counts the silicon of many chips elaborates each piece once. Together they have the hardware of the
 * whole (siliconBill.test.ts); none is emitted.
 */
import type { Chip } from '../../../../chip/index.ts';
import { defineModule, type Module, type Signal } from '../../../../hdl/index.ts';
import {
  bankInstance,
  placesIn,
  writerIn,
  type BankData,
  type Reader,
  type Writer,
} from './bankInstance.ts';
import { controlData, reader, windowData, writer, CONTROL_READERS } from './localMemory.ts';
import {
  countBits,
  memoryShape,
  readClients,
  writeClients,
  type Client,
  type MemoryShape,
  type Region,
} from './memoryShape.ts';

type Ports = Readonly<Record<string, Signal>>;

export interface MemoryPiece {
  /** Pieces with equal keys are equal. */
  readonly key: string;
  /** How often the memory has it. */
  readonly count: number;
  module(): Module;
}

/** The pieces of the local memory of `chip`. */
export function memoryPieces(chip: Chip): MemoryPiece[] {
  const shape = memoryShape(chip);
  const [readers, writers] = [readClients(chip), writeClients(chip)];
  const regions = shape.regions.filter(({ name }) => name !== 'control');
  return [
    ...readers.map((client) => readPiece(client, shape)),
    ...writers.map((client) => writePiece(client, shape)),
    ...regions.flatMap((region) => {
      const reach = ({ regions }: Client): boolean => regions.includes(region.name);
      const [reading, writing] = [readers.filter(reach).length, writers.filter(reach).length];
      return [
        placesPiece(region, reading + writing, shape),
        bankPiece(region, reading, writing, shape),
      ];
    }),
    controlPiece(
      writers.filter(({ regions }) => regions.includes('control')),
      shape,
    ),
  ];
}

function widthsKey({ wordBytes, addressBits }: MemoryShape): string {
  return `${wordBytes},${addressBits}`;
}

/** A window to read, and its data chosen among the banks. */
function readPiece(client: Client, shape: MemoryShape): MemoryPiece {
  const reached = shape.regions.filter(({ name }) => client.regions.includes(name));
  const banks = reached.map((region) => `${region.banks}x${region.linesOfBank}`);
  return {
    key: `read ${widthsKey(shape)} ${client.bytes} ${client.regions.join()} ${banks.join()}`,
    count: 1,
    module() {
      const name = `${client.name}Read`;
      const word = 8 * shape.wordBytes;
      return defineModule({
        name: 'piece',
        inputs: { ...requestPorts(name, client, shape), ...bankPorts(reached, word) },
        outputs: { data: 8 * client.bytes },
        body(ports: Ports, m) {
          const all = new Map(reached.map((region) => [region.name, inputBanks(ports, region)]));
          return { data: windowData(m, reader(m, ports, client, shape), all, shape) };
        },
      });
    },
  };
}

/** A window to write, and its bytes turned to their places. */
function writePiece(client: Client, shape: MemoryShape): MemoryPiece {
  return {
    key: `write ${widthsKey(shape)} ${client.bytes}`,
    count: 1,
    module() {
      const name = `${client.name}Write`;
      return defineModule({
        name: 'piece',
        inputs: { ...requestPorts(name, client, shape), [`${name}Data`]: 8 * client.bytes },
        outputs: { data: 8 * shape.wordBytes, even: shape.wordBytes, odd: shape.wordBytes },
        body(ports: Ports, m) {
          const { data, bytes } = writer(m, ports, client, shape);
          return { data, ...bytes };
        },
      });
    },
  };
}

/** Addresses of windows as lines of a region: what all its banks see. */
function placesPiece(region: Region, clients: number, shape: MemoryShape): MemoryPiece {
  const first = region.firstLine === 0 ? 'first' : 'behind';
  return {
    key: `places ${shape.lineBits} ${first}`,
    count: clients,
    module() {
      return defineModule({
        name: 'piece',
        inputs: windowPorts('client', shape),
        outputs: { even: shape.lineBits, odd: shape.lineBits },
        body(ports: Ports) {
          const { even, odd } = placesIn(inputWindow(ports, 'client', CLIENT), region);
          return { even: even.bank.concat(even.line), odd: odd.bank.concat(odd.line) };
        },
      });
    },
  };
}

/** A bank and the choice of whom it serves. */
function bankPiece(
  region: Region,
  reading: number,
  writing: number,
  shape: MemoryShape,
): MemoryPiece {
  // The places of the clients are counted apart, so here the region is the first.
  const first = { ...region, firstLine: 0 };
  const names = (verb: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${verb}${i}`);
  const [readers, writers] = [names('read', reading), names('write', writing)];
  const word = 8 * shape.wordBytes;
  return {
    key: `bank ${shape.wordBytes},${shape.lineBits} ${region.linesOfBank} ${reading} ${writing}`,
    count: region.banks,
    module() {
      return defineModule({
        name: 'piece',
        inputs: writers.reduce(
          (ports, name) => ({ ...ports, ...writerPorts(name, shape) }),
          Object.assign({}, ...readers.map((name) => windowPorts(name, shape))),
        ) as Record<string, number>,
        outputs: { even: word, odd: word },
        body(ports: Ports, m) {
          const reads = readers.map((name) => placesIn(inputWindow(ports, name, CLIENT), first));
          const writes = writers.map((name) => writerIn(inputWriter(ports, name, CLIENT), first));
          const { even, odd } = bankInstance(m, 'bank', first, 0, reads, writes);
          return { even, odd };
        },
      });
    },
  };
}

/** A copy of the control memory, with the window of its reader. */
function controlPiece(clients: readonly Client[], shape: MemoryShape): MemoryPiece {
  const names = clients.map((_, i) => `write${i}`);
  const request = { readControlValid: 1, readControlAddress: shape.addressBits };
  return {
    key: `control ${widthsKey(shape)} ${shape.regions[2].linesOfBank} ${clients.length}`,
    count: CONTROL_READERS.length,
    module() {
      return defineModule({
        name: 'piece',
        inputs: names.reduce(
          (ports, name) => ({ ...ports, ...writerPorts(name, shape) }),
          request,
        ) as Record<string, number>,
        outputs: { data: 32 },
        body(ports: Ports, m) {
          const writers = names.map((name, i) => inputWriter(ports, name, clients[i]!));
          return { data: controlData(m, ports, 'read', writers, shape) };
        },
      });
    },
  };
}

/** Whose window the inputs of a piece are makes no difference to it. */
const CLIENT: Client = { name: 'client', bytes: 1, regions: [] };

function requestPorts(name: string, client: Client, shape: MemoryShape): Record<string, number> {
  return {
    [`${name}Valid`]: 1,
    [`${name}Address`]: shape.addressBits,
    [`${name}Bytes`]: countBits(client),
  };
}

function bankPorts(regions: readonly Region[], word: number): Record<string, number> {
  const names = regions.flatMap(({ name, banks }) =>
    Array.from({ length: banks }, (_, i) => [`${name}${i}Even`, `${name}${i}Odd`]),
  );
  return Object.fromEntries(names.flat().map((name) => [name, word]));
}

function inputBanks(ports: Ports, { name, banks }: Region): BankData[] {
  return Array.from({ length: banks }, (_, i) => {
    return { even: ports[`${name}${i}Even`]!, odd: ports[`${name}${i}Odd`]! };
  });
}

function windowPorts(name: string, { lineBits, offsetBits }: MemoryShape): Record<string, number> {
  return {
    [`${name}EvenUsed`]: 1,
    [`${name}EvenLine`]: lineBits,
    [`${name}OddUsed`]: 1,
    [`${name}OddLine`]: lineBits,
    [`${name}StartsOdd`]: 1,
    [`${name}Offset`]: offsetBits,
  };
}

function writerPorts(name: string, shape: MemoryShape): Record<string, number> {
  const { wordBytes } = shape;
  return {
    ...windowPorts(name, shape),
    [`${name}Data`]: 8 * wordBytes,
    [`${name}EvenBytes`]: wordBytes,
    [`${name}OddBytes`]: wordBytes,
  };
}

function inputWindow(ports: Ports, name: string, client: Client): Reader {
  const port = (what: string): Signal => ports[name + what]!;
  return {
    client,
    window: {
      even: { used: port('EvenUsed'), line: port('EvenLine') },
      odd: { used: port('OddUsed'), line: port('OddLine') },
      startsOdd: port('StartsOdd'),
      offset: port('Offset'),
    },
  };
}

function inputWriter(ports: Ports, name: string, client: Client): Writer {
  const port = (what: string): Signal => ports[name + what]!;
  return {
    ...inputWindow(ports, name, client),
    data: port('Data'),
    bytes: { even: port('EvenBytes'), odd: port('OddBytes') },
  };
}
