/** Signals in lists and records, nested at will. */
import { Logic, type Signal } from '../../../hdl/index.ts';

/** Values that go together; the keys name what is made of them. */
export type Bundle<T> = T | readonly Bundle<T>[] | { readonly [name: string]: Bundle<T> };

/** The same bundle with each signal replaced; `path` is the name of the way to it. */
export function mapBundle<V extends Bundle<Signal>>(
  values: V,
  path: string,
  replace: (path: string, signal: Signal) => Signal,
): V {
  const map = (value: Bundle<Signal>, path: string): Bundle<Signal> => {
    if (value instanceof Logic) return replace(path, value);
    if (isList(value)) return value.map((part, i) => map(part, `${path}_${i}`));
    const parts = Object.entries(value).map(([name, part]) => {
      return [name, map(part, `${path}${name[0].toUpperCase()}${name.slice(1)}`)];
    });
    return Object.fromEntries(parts) as Bundle<Signal>;
  };
  return map(values, path) as V;
}

function isList(value: Bundle<Signal>): value is readonly Bundle<Signal>[] {
  return Array.isArray(value);
}
