/** Several signals as one vector, for a queue or a port, and back. */
import type { Signal } from '../../../hdl/index.ts';

/** The first at the lowest bits. */
export function pack(values: Readonly<Record<string, Signal>>): Signal {
  const [highest, ...lower] = Object.values(values).toReversed();
  return highest!.concat(...lower);
}

/** What `pack` made of signals of these widths, in the same order. */
export function unpack<K extends string>(
  widths: Readonly<Record<K, number>>,
  vector: Signal,
): Record<K, Signal> {
  let low = 0;
  const entries = Object.entries<number>(widths).map(([name, width]) => {
    low += width;
    return [name, vector.slice(low - 1, low - width)] as const;
  });
  return Object.fromEntries(entries) as Record<K, Signal>;
}
