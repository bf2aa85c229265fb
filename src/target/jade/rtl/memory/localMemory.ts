/**
 * The local memory: scratchpad and accumulators, and the control memory.
 *
 *   read    cycle t      t+1            t+2                        t+3
 *           request      banks read     bank chosen, bytes moved   data, the byte at the address lowest
 *   write   cycle t      t+1
 *           request      bytes moved, banks written: seen by reads requested from t+1 on
 *
 * Nothing arbitrates: an instruction holds the ports of its banks, so a bank has one client a cycle.
 */
import type { Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import {
  bankInstance,
  placesIn,
  writerIn,
  type BankData,
  type Reader,
  type Writer,
} from './bankInstance.ts';
import {
  countBits,
  memoryShape,
  readClients,
  writeClients,
  type Client,
  type MemoryShape,
} from './memoryShape.ts';
import { registeredWindow, type Parity, type Request } from './window.ts';

/** Who reads the control memory, each from a copy of its own; the matrix unit counts and lists. */
export const CONTROL_READERS = ['load', 'matrix', 'matrixList', 'vector'] as const;

type Ports = Readonly<Record<string, Signal>>;

/**
 * Ports: for each read client `<name>ReadValid, ReadAddress, ReadBytes` → `ReadData`; for each write
 * client `<name>WriteValid, WriteAddress, WriteBytes, WriteData`; for each reader of the control memory
 * `<name>ControlValid, ControlAddress` → `ControlData`, an aligned word of 4 bytes. Addresses
 * are local addresses in bytes; `…Bytes` says how many of the window are meant, so that no bank but
 * theirs is touched.
 */
export function localMemory(chip: Chip): Module {
  const shape = memoryShape(chip);
  const clients = readClients(chip);
  return defineModule({
    name: 'local_memory',
    comment:
      'Scratchpad, accumulators and control memory.\nRead data come three cycles after the request; what is written is seen by requests from the next cycle on.',
    inputs: memoryInputs(chip, shape.addressBits),
    outputs: {
      ...Object.fromEntries(clients.map(({ name, bytes }) => [`${name}ReadData`, 8 * bytes])),
      ...Object.fromEntries(CONTROL_READERS.map((name) => [`${name}ControlData`, 32])),
    },
    body(ports: Ports, m) {
      const readers = clients.map((client) => reader(m, ports, client, shape));
      const writers = writeClients(chip).map((client) => writer(m, ports, client, shape));
      const banks = dataBanks(m, readers, writers, shape);
      return {
        ...Object.fromEntries(
          readers.map((each) => [`${each.client.name}ReadData`, windowData(m, each, banks, shape)]),
        ),
        ...Object.fromEntries(
          CONTROL_READERS.map((name) => [
            `${name}ControlData`,
            controlData(m, ports, name, writers, shape),
          ]),
        ),
      };
    },
  });
}

function memoryInputs(chip: Chip, addressBits: number): Record<string, number> {
  const request = (client: Client, verb: string): [string, number][] => [
    [`${client.name}${verb}Valid`, 1],
    [`${client.name}${verb}Address`, addressBits],
    [`${client.name}${verb}Bytes`, countBits(client)],
  ];
  return Object.fromEntries([
    ...readClients(chip).flatMap((client) => request(client, 'Read')),
    ...writeClients(chip).flatMap((client): [string, number][] => [
      ...request(client, 'Write'),
      [`${client.name}WriteData`, 8 * client.bytes],
    ]),
    ...CONTROL_READERS.flatMap((name): [string, number][] => [
      [`${name}ControlValid`, 1],
      [`${name}ControlAddress`, addressBits],
    ]),
  ]);
}

function requestOf(ports: Ports, port: string): Request {
  const [valid, address, bytes] = ['Valid', 'Address', 'Bytes'].map((what) => ports[port + what]!);
  return { valid: valid!, address: address!, bytes: bytes! };
}

export function reader(m: ModuleBuilder, ports: Ports, client: Client, shape: MemoryShape): Reader {
  const name = `${client.name}Read`;
  return { client, window: registeredWindow(m, name, requestOf(ports, name), shape) };
}

/** Turns the bytes of a write to their places: one turn within a word serves the even and the odd one. */
export function writer(m: ModuleBuilder, ports: Ports, client: Client, shape: MemoryShape): Writer {
  const name = `${client.name}Write`;
  const { valid, ...request } = requestOf(ports, name);
  const window = registeredWindow(m, name, { valid, ...request }, shape);
  const data = m.delay(`${name}Data1`, ports[`${name}Data`]!, { enable: valid });
  const count = m.delay(`${name}Count`, request.bytes, { enable: valid });
  const { wordBytes } = shape;
  const word = data.zeroExtend(8 * wordBytes);
  const bits = window.offset.concat(window.offset.constant(0, 3));
  const ones = count
    .constant(1, client.bytes + 1)
    .shl(count)
    .sub(1)
    .low(client.bytes);
  const enables = ones.zeroExtend(2 * wordBytes).shl(window.offset);
  const [first, second] = enables.lanes(wordBytes);
  return {
    client,
    window,
    data: word.concat(word).shl(bits).high(word.width).named(`${name}Turned`),
    bytes: {
      even: window.startsOdd.mux(second!, first!).named(`${name}EvenBytes`),
      odd: window.startsOdd.mux(first!, second!).named(`${name}OddBytes`),
    },
  };
}

export type Banks = ReadonlyMap<string, readonly BankData[]>;

export function dataBanks(
  m: ModuleBuilder,
  readers: readonly Reader[],
  writers: readonly Writer[],
  shape: MemoryShape,
): Banks {
  const regions = shape.regions.filter(({ name }) => name !== 'control');
  return new Map(
    regions.map((region) => {
      const reach = ({ client }: Reader): boolean => client.regions.includes(region.name);
      const reading = readers.filter(reach).map((each) => placesIn(each, region));
      const writing = writers.filter(reach).map((each) => writerIn(each, region));
      const banks = Array.from({ length: region.banks }, (_, index) =>
        bankInstance(m, `${region.name}${index}`, region, index, reading, writing),
      );
      return [region.name, banks];
    }),
  );
}

/** Chooses the two words of a window among the banks that its client reaches, and cuts it out. */
export function windowData(
  m: ModuleBuilder,
  each: Reader,
  banks: Banks,
  shape: MemoryShape,
): Signal {
  const { client, window } = each;
  const name = `${client.name}Read`;
  const startsOdd = m.delay(`${name}StartsOdd2`, window.startsOdd);
  const offset = m.delay(`${name}Offset2`, window.offset);
  const words = (parity: Parity): Signal => {
    const options = client.regions.flatMap((region) =>
      banks.get(region)!.map((bank) => bank[parity]),
    );
    const index = bankChoice(each, parity, shape);
    return choose(m.delay(`${name}${parity}Bank`, index), options).named(`${name}${parity}Word`);
  };
  const [even, odd] = [words('even'), words('odd')];
  const both = startsOdd.mux(even.concat(odd), odd.concat(even));
  const bits = offset.concat(offset.constant(0, 3));
  return m.delay(`${name}Data`, both.shr(bits).low(8 * client.bytes));
}

function choose(index: Signal, options: readonly Signal[]): Signal {
  return options.length === 1 ? options[0]! : index.choose(options);
}

/** The place of a word's bank among all that the client reaches. */
function bankChoice(each: Reader, parity: Parity, shape: MemoryShape): Signal {
  const { regions } = each.client;
  const reached = shape.regions.filter(({ name }) => regions.includes(name));
  const total = reached.reduce((sum, { banks }) => sum + banks, 0);
  const width = Math.max(1, Math.ceil(Math.log2(total)));
  const [first, second] = reached.map((region) => {
    const { bank } = placesIn(each, region)[parity];
    return bank.width > width ? bank.low(width) : bank.zeroExtend(width);
  });
  if (second === undefined) return first!;
  const inFirst = each.window[parity].line.ltU(reached[1]!.firstLine);
  return inFirst.mux(first!, second.add(reached[0]!.banks));
}

/** An aligned word of the copy of the control memory that this queue reads. */
export function controlData(
  m: ModuleBuilder,
  ports: Ports,
  queue: string,
  writers: readonly Writer[],
  shape: MemoryShape,
): Signal {
  const name = `${queue}Control`;
  const region = shape.regions[2];
  const [valid, address] = [ports[`${name}Valid`]!, ports[`${name}Address`]!];
  const window = registeredWindow(m, name, { valid, address, bytes: valid.constant(4, 3) }, shape);
  const client = { name, bytes: 4, regions: ['control'] } as const;
  const reading = [placesIn({ client, window }, region)];
  const writing = writers
    .filter((each) => each.client.regions.includes('control'))
    .map((each) => writerIn(each, region));
  const { even, odd } = bankInstance(m, `${name}Copy`, region, 0, reading, writing);
  const word = m.delay(`${name}StartsOdd2`, window.startsOdd).mux(odd, even);
  const place = window.offset.high(shape.offsetBits - 2);
  return m.delay(`${name}Data`, m.delay(`${name}Place`, place).choose(word.lanes(32)));
}
