/** Calls of kernels with their arguments, apart from the code that emits them: workers need no more. */
import { type KernelName } from './kernels.table.ts';

/** The kernels by name; arguments in the order of the table. */
export type Kernels = Readonly<Record<KernelName, (...args: readonly number[]) => void>>;

/** A kernel with its arguments, in the order of the table, ready to run any number of times. */
export type Bind = (kernel: KernelName, args: readonly number[]) => () => void;

/** Binds calls of WebAssembly. */
export function bindKernels(kernels: Kernels): Bind {
  return (kernel, args) => {
    const run = kernels[kernel];
    return () => run(...args);
  };
}
