/** Shift registers: signals some cycles later. */
import { type ModuleBuilder, type Signal } from '../../../hdl/index.ts';

/** `signal` as it was `cycles` cycles ago; names end in the number of cycles. One-bit valids should reset to 0. */
export function delayed(
  m: ModuleBuilder,
  name: string,
  signal: Signal,
  cycles: number,
  options: { readonly reset?: number } = {},
): Signal {
  let last = signal;
  for (let cycle = 1; cycle <= cycles; cycle++) last = m.delay(`${name}${cycle}`, last, options);
  return last;
}
