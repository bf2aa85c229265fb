import { constant, defineModule, type Module, type Signal } from '../../../../hdl/index.ts';
import { POSITION_INDEX_BITS } from '../memory/positionRegisters.ts';
import { ADDRESS_BITS } from './axiShape.ts';
import { LENGTH_OF_PROGRAM_BITS } from './axiFetch.ts';

/** Byte addresses of the registers, of 32 bits each. */
export const REGISTERS = {
  /** Write 1: start the program. */
  control: 0x00,
  /** Read: bit 0 busy, 1 done since the start, 2 fault, 3 an error of a bus. */
  status: 0x04,
  programLow: 0x08,
  programHigh: 0x0c,
  /** Instructions of the program. */
  length: 0x10,
  /** Write: position registers, one a word. */
  positions: 0x200,
} as const;

export const CONTROL_ADDRESS_BITS = 10;
const WORD = 32;

const CONTROL_PORTS = {
  inputs: {
    awvalid: 1,
    awaddr: CONTROL_ADDRESS_BITS,
    wvalid: 1,
    wdata: WORD,
    bready: 1,
    arvalid: 1,
    araddr: CONTROL_ADDRESS_BITS,
    rready: 1,
    idle: 1,
    fault: 1,
    busError: 1,
  },
  outputs: {
    awready: 1,
    wready: 1,
    bvalid: 1,
    bresp: 2,
    arready: 1,
    rvalid: 1,
    rdata: WORD,
    rresp: 2,
    start: 1,
    programAddress: ADDRESS_BITS,
    programLength: LENGTH_OF_PROGRAM_BITS,
    positionWrite: 1,
    positionIndex: POSITION_INDEX_BITS,
    positionValue: WORD,
  },
} as const;

/** The registers on an AXI4-Lite bus, whole words. Reads of others give 0, and writes do nothing. */
export function axiControl(): Module {
  return defineModule({
    name: 'axi_control',
    comment: 'Control and status registers on AXI4-Lite.',
    ...CONTROL_PORTS,
    body(ports: Readonly<Record<string, Signal>>, m) {
      const of = (name: string): Signal => ports[name]!;
      // Address and data of a write are taken together, when no answer waits.
      const bvalid = m.register('answer', 1, { reset: 0 });
      const write = of('awvalid').and(of('wvalid')).and(bvalid.not()).named('write');
      bvalid.set(write.or(bvalid.and(of('bready').not())));
      const at = (address: number): Signal => write.and(of('awaddr').eq(address));
      const data = of('wdata');
      const low = m.delay('programLow', data, { enable: at(REGISTERS.programLow) });
      const high = m.delay('programHigh', data, { enable: at(REGISTERS.programHigh) });
      const length = m.delay('programWords', data, { enable: at(REGISTERS.length) });
      const running = m.register('running', 1, { reset: 0 });
      const start = at(REGISTERS.control).and(data.low(1)).and(running.not()).named('startProgram');
      const begun = m.delay('begun', start, { reset: 0 });
      const finish = running.and(begun.not()).and(of('idle'));
      running.set(start.or(running.and(finish.not())));
      const done = m.register('done', 1, { reset: 0 });
      done.set(finish.or(done.and(start.not())));
      const busError = m.register('busErrorSeen', 1, { reset: 0 });
      busError.set(of('busError').or(busError.and(start.not())));
      const status = busError.concat(of('fault'), done, running).zeroExtend(WORD);
      const index = of('awaddr').slice(POSITION_INDEX_BITS + 1, 2);
      const read = readPort(m, of, [
        [REGISTERS.status, status],
        [REGISTERS.programLow, low],
        [REGISTERS.programHigh, high],
        [REGISTERS.length, length],
      ]);
      return {
        awready: write,
        wready: write,
        bvalid,
        bresp: constant(2, 0),
        ...read,
        start,
        programAddress: high.concat(low),
        programLength: length.low(LENGTH_OF_PROGRAM_BITS),
        positionWrite: write.and(of('awaddr').high(1)),
        positionIndex: index,
        positionValue: data,
      };
    },
  });
}

type Builder = Parameters<NonNullable<Parameters<typeof defineModule>[0]['body']>>[1];

function readPort(
  m: Builder,
  of: (name: string) => Signal,
  registers: readonly (readonly [number, Signal])[],
): Readonly<Record<'arready' | 'rvalid' | 'rdata' | 'rresp', Signal>> {
  const rvalid = m.register('data', 1, { reset: 0 });
  const read = of('arvalid').and(rvalid.not()).named('read');
  rvalid.set(read.or(rvalid.and(of('rready').not())));
  const chosen = registers.reduce(
    (rest, [address, value]) => of('araddr').eq(address).mux(value, rest),
    constant(WORD, 0),
  );
  return {
    arready: read,
    rvalid,
    rdata: m.delay('readWord', chosen, { enable: read }),
    rresp: constant(2, 0),
  };
}
