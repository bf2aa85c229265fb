import { defineModule, indexWidth, type Module, type Signal } from '../../../../hdl/index.ts';

export type BankInputs = {
  evenRead: 1;
  evenReadAddress: number;
  oddRead: 1;
  oddReadAddress: number;
  evenWrite: 1;
  evenWriteAddress: number;
  oddWrite: 1;
  oddWriteAddress: number;
  evenBytes: number;
  oddBytes: number;
  writeData: number;
};
export type BankOutputs = { evenData: number; oddData: number };

/**
 * The even and the odd words of a bank, each with a read and a write port. Data of a read come a cycle
 * later, without what is written at that edge. A write is a window turned within its word, so both
 * memories take the same data, each the bytes that are its own.
 */
export function bank(lines: number, wordBytes: number): Module<BankInputs, BankOutputs> {
  const [addressBits, width] = [indexWidth(lines), 8 * wordBytes];
  return defineModule({
    name: `bank_${lines}x${width}`,
    comment: 'The even and the odd words of a bank, each with one read and one write port.',
    inputs: {
      evenRead: 1,
      evenReadAddress: addressBits,
      oddRead: 1,
      oddReadAddress: addressBits,
      evenWrite: 1,
      evenWriteAddress: addressBits,
      oddWrite: 1,
      oddWriteAddress: addressBits,
      evenBytes: wordBytes,
      oddBytes: wordBytes,
      writeData: width,
    },
    outputs: { evenData: width, oddData: width },
    body(ports, m) {
      const half = (parity: 'even' | 'odd'): Signal =>
        m.memory(parity, {
          words: lines,
          width,
          read: { address: ports[`${parity}ReadAddress`], enable: ports[`${parity}Read`] },
          write: {
            address: ports[`${parity}WriteAddress`],
            data: ports.writeData,
            enable: ports[`${parity}Write`],
            byteEnable: ports[`${parity}Bytes`],
          },
        });
      return { evenData: half('even'), oddData: half('odd') };
    },
  });
}
