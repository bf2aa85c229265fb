/** Shift registers: signals some cycles later. */
import type { ModuleBuilder, Signal } from '../../../hdl/index.ts';
import { mapBundle, type Bundle } from './bundle.ts';

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

/** The same values `cycles` cycles later: what travels beside a pipeline. Constants need no registers. */
export function delayedBundle<V extends Bundle<Signal>>(
  m: ModuleBuilder,
  name: string,
  values: V,
  cycles: number,
): V {
  return mapBundle(values, name, (path, signal) => {
    if (signal.source.kind === 'constant') return signal;
    let late = signal;
    for (let i = 1; i <= cycles; i++) late = m.delay(cycles === 1 ? path : `${path}D${i}`, late);
    return late;
  });
}
