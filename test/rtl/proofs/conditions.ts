import type { Signal } from '../../../src/hdl/index.ts';

/** That `then` is 1 wherever `when` is. */
export function implies(when: Signal, then: Signal): Signal {
  return when.not().or(then);
}

/** 1 if all of the bits are. */
export function all(bits: readonly Signal[]): Signal {
  return bits.reduce((together, bit) => together.and(bit));
}

/** 1 if any of the bits is. */
export function any(bits: readonly Signal[]): Signal {
  return bits.reduce((together, bit) => together.or(bit));
}

/** How many of the bits are 1, in `width` bits. */
export function countOf(bits: readonly Signal[], width: number): Signal {
  const [first, ...others] = bits.map((bit) => bit.zeroExtend(width));
  return others.reduce((sum, bit) => sum.add(bit), first!);
}
