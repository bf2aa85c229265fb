/**
 * The chip in a system: the core with its control on AXI4-Lite (`s_axi_…`), its memory on AXI4 (`m_axi_…`)
 * and its program on a read port of its own (`fetch_axi_…`). Results are those of the core; how long they
 * take depends on the buses.
 *
 * Bursts are incrementing and in order, all of full beats (size = log2 of the bytes of the bus), without
 * identifiers. A store retires when its rows are answered. Registers: REGISTERS of axi/axiControl.ts.
 */
import type { Chip } from '../../../../chip/index.ts';
import {
  constant,
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
  type Wire,
} from '../../../../hdl/index.ts';
import { axiControl, CONTROL_ADDRESS_BITS } from '../axi/axiControl.ts';
import { axiFetch, FETCH_BYTES } from '../axi/axiFetch.ts';
import { axiReader } from '../axi/axiReader.ts';
import { ADDRESS_BITS, axiShape, LENGTH_BITS, type AxiShape } from '../axi/axiShape.ts';
import { axiWriter } from '../axi/axiWriter.ts';
import { portOf, prefixed } from '../dma/dmaShape.ts';
import { jadeCore, type Units } from './jadeCore.ts';

type Signals = Readonly<Record<string, Signal>>;

/** Codes of AXI4: bursts to incrementing addresses; data that is neither instruction nor protected. */
const INCREMENTING = 1;
const SIZE_BITS = 3;
const BURST_BITS = 2;
const RESPONSE_BITS = 2;

/** What the master of a read channel gives and gets. */
function readChannel(bytes: number): {
  inputs: Record<string, number>;
  outputs: Record<string, number>;
} {
  return {
    inputs: { arready: 1, rvalid: 1, rdata: 8 * bytes, rresp: RESPONSE_BITS },
    outputs: {
      arvalid: 1,
      araddr: ADDRESS_BITS,
      arlen: LENGTH_BITS,
      arsize: SIZE_BITS,
      arburst: BURST_BITS,
      rready: 1,
    },
  };
}

function writeChannel(bytes: number): {
  inputs: Record<string, number>;
  outputs: Record<string, number>;
} {
  return {
    inputs: { awready: 1, wready: 1, bvalid: 1, bresp: RESPONSE_BITS },
    outputs: {
      awvalid: 1,
      awaddr: ADDRESS_BITS,
      awlen: LENGTH_BITS,
      awsize: SIZE_BITS,
      awburst: BURST_BITS,
      wvalid: 1,
      wdata: 8 * bytes,
      wstrb: bytes,
      wlast: 1,
      bready: 1,
    },
  };
}

/** What the core gets from its memory, beside data. */
const ANSWERS = { commandReady: 1, readValid: 1, writeReady: 1, writeDone: 1 } as const;

const CONTROL_INPUTS = {
  awvalid: 1,
  awaddr: CONTROL_ADDRESS_BITS,
  wvalid: 1,
  wdata: 32,
  bready: 1,
  arvalid: 1,
  araddr: CONTROL_ADDRESS_BITS,
  rready: 1,
} as const;
const CONTROL_OUTPUTS = {
  awready: 1,
  wready: 1,
  bvalid: 1,
  bresp: RESPONSE_BITS,
  arready: 1,
  rvalid: 1,
  rdata: 32,
  rresp: RESPONSE_BITS,
} as const;

/** The chip with the units of its queues MATRIX and VECTOR. */
export function jadeTop(chip: Chip, units: Units = {}): Module {
  const shape = axiShape(chip);
  const [reads, writes] = [readChannel(shape.busBytes), writeChannel(shape.busBytes)];
  const fetches = readChannel(FETCH_BYTES);
  return defineModule({
    name: 'jade_top',
    comment: `${chip.name} with AXI4 ports: control, memory, and fetch of the program.`,
    inputs: {
      ...prefixed('sAxi', CONTROL_INPUTS),
      ...prefixed('mAxi', { ...reads.inputs, ...writes.inputs }),
      ...prefixed('fetchAxi', fetches.inputs),
    },
    outputs: {
      ...prefixed('sAxi', CONTROL_OUTPUTS),
      ...prefixed('mAxi', { ...reads.outputs, ...writes.outputs }),
      ...prefixed('fetchAxi', fetches.outputs),
    },
    body: (ports: Signals, m) => body(m, ports, jadeCore(chip, units), chip, shape),
  });
}

function body(
  m: ModuleBuilder,
  ports: Signals,
  module: Module,
  chip: Chip,
  shape: AxiShape,
): Signals {
  const bus = (prefix: string, names: object): Signals =>
    Object.fromEntries(Object.keys(names).map((name) => [name, ports[portOf(prefix, name)]!]));
  const [idle, fault, busError] = ['idle', 'fault', 'busError'].map((name) => m.wire(name, 1));
  const control = m.instance('control', axiControl(), {
    ...bus('sAxi', CONTROL_INPUTS),
    ...{ idle: idle!, fault: fault!, busError: busError! },
  }) as Signals;
  const instructionReady = m.wire('instructionReady', 1);
  const fetch = m.instance('fetch', axiFetch(), {
    start: control['start']!,
    address: control['programAddress']!,
    length: control['programLength']!,
    ...bus('fetchAxi', readChannel(FETCH_BYTES).inputs),
    ready: instructionReady,
  }) as Signals;
  const memory = memoryWires(m, shape);
  const core = m.instance('core', module, {
    valid: fetch['valid']!,
    instruction: fetch['instruction']!,
    positionWrite: control['positionWrite']!,
    positionIndex: control['positionIndex']!,
    positionData: control['positionValue']!,
    clearFault: control['start']!,
    ...memory,
  }) as Signals;
  instructionReady.set(core['ready']!);
  const { reader, writer } = memoryMaster(m, core, bus, chip, memory);
  idle!.set(fetch['done']!.and(core['idle']!));
  fault!.set(core['fault']!);
  busError!.set(fetch['error']!.or(reader['error']!).or(writer['error']!));
  return outputs(control, fetch, reader, writer, shape);
}

/** What the core gets from its memory, before that is there. */
function memoryWires(m: ModuleBuilder, { beatBytes }: AxiShape): Record<string, Wire> {
  const widths = { ...ANSWERS, readData: 8 * beatBytes };
  return Object.fromEntries(
    Object.entries(widths).map(([name, width]) => [name, m.wire(name, width)]),
  );
}

/** Reads and writes of the core on one AXI4 port: its channels are apart, so both go on at once. */
function memoryMaster(
  m: ModuleBuilder,
  core: Signals,
  bus: (prefix: string, names: object) => Signals,
  chip: Chip,
  memory: Readonly<Record<string, Wire>>,
): { reader: Signals; writer: Signals } {
  const [valid, isWrite] = [core['commandValid']!, core['commandWrite']!];
  const row = { rowAddress: core['commandAddress']!, rowBytes: core['commandBytes']! };
  const reader: Signals = m.instance('reader', axiReader(chip), {
    rowValid: valid.and(isWrite.not()),
    ...row,
    ...bus('mAxi', readChannel(1).inputs),
  });
  const writer: Signals = m.instance('writer', axiWriter(chip), {
    rowValid: valid.and(isWrite),
    ...row,
    beatValid: core['writeValid']!,
    beatData: core['writeData']!,
    ...bus('mAxi', writeChannel(1).inputs),
  });
  memory['commandReady']!.set(isWrite.mux(writer['rowReady']!, reader['rowReady']!));
  memory['readValid']!.set(reader['beatValid']!);
  memory['readData']!.set(reader['beatData']!);
  memory['writeReady']!.set(writer['beatReady']!);
  memory['writeDone']!.set(writer['rowDone']!);
  return { reader, writer };
}

function outputs(
  control: Signals,
  fetch: Signals,
  reader: Signals,
  writer: Signals,
  shape: AxiShape,
): Record<string, Signal> {
  const burst = constant(BURST_BITS, INCREMENTING);
  const size = (bytes: number): Signal => constant(SIZE_BITS, Math.log2(bytes));
  const given = (from: Signals, names: object): Signals =>
    Object.fromEntries(
      Object.keys(names)
        .filter((name) => from[name] !== undefined)
        .map((name) => [name, from[name]!]),
    );
  const wide = size(shape.busBytes);
  const [reads, writes] = [readChannel(1).outputs, writeChannel(1).outputs];
  return {
    ...prefixed('sAxi', given(control, CONTROL_OUTPUTS)),
    ...prefixed('mAxi', { ...given(reader, reads), arsize: wide, arburst: burst }),
    ...prefixed('mAxi', { ...given(writer, writes), awsize: wide, awburst: burst }),
    ...prefixed('fetchAxi', { ...given(fetch, reads), arsize: size(FETCH_BYTES), arburst: burst }),
  };
}
