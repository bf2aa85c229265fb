/**
 * Windows of the local memory: which words the bytes from an address on lie in.
 *
 * The first cycle of an access cuts the address; the registers here are what the banks see in the
 * second.
 */
import { constant, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import type { MemoryShape } from './memoryShape.ts';

/** One of the two words of a window: whether it has bytes of it, and its line. */
export interface Word {
  readonly used: Signal;
  readonly line: Signal;
}

export type Parity = 'even' | 'odd';

export interface Window {
  readonly even: Word;
  readonly odd: Word;
  /** Whether the window begins in an odd word; and at which byte of it. */
  readonly startsOdd: Signal;
  readonly offset: Signal;
}

export interface Request {
  readonly valid: Signal;
  readonly address: Signal;
  readonly bytes: Signal;
}

/** The window of a request, a cycle later. Words without bytes of it are not used: they may be in a bank of others. */
export function registeredWindow(
  m: ModuleBuilder,
  name: string,
  { valid, address, bytes }: Request,
  { offsetBits, addressBits, wordBytes }: MemoryShape,
): Window {
  const offset = address.low(offsetBits);
  const startsOdd = address.bit(offsetBits);
  const line = address.slice(addressBits - 1, offsetBits + 1);
  const width = Math.max(offsetBits, bytes.width) + 1;
  const end = offset.zeroExtend(width).add(bytes.zeroExtend(width));
  const second = valid.and(constant(width, wordBytes).ltU(end)).named(`${name}Second`);
  const register = (what: string, value: Signal): Signal => m.delay(`${name}${what}`, value);
  const used = (what: string, value: Signal): Signal =>
    m.delay(`${name}${what}`, value, { reset: 0 });
  const evenLine = line.add(startsOdd.zeroExtend(line.width));
  return {
    even: {
      used: used('EvenUsed', startsOdd.mux(second, valid)),
      line: register('EvenLine', evenLine),
    },
    odd: { used: used('OddUsed', startsOdd.mux(valid, second)), line: register('OddLine', line) },
    startsOdd: register('StartsOdd', startsOdd),
    offset: register('Offset', offset),
  };
}
