/** Calls of kernels with their arguments, apart from the code that emits them: workers need no more. */
import { CeladonError } from '../../../base/index.ts';
import { KERNELS, type KernelName } from './kernels.table.ts';

/** The kernels by name; arguments in the order of the table. */
export type Kernels = Readonly<Record<KernelName, (...args: readonly number[]) => void>>;

/** A kernel with its arguments, in the order of the table, ready to run any number of times. */
export type Bind = (kernel: KernelName, args: readonly number[]) => () => void;

/** Panels may lie in further memories: address a of memory i is i · MEMORY_SPAN + a. */
export const MEMORY_SPAN = 2 ** 32;

/** The arguments that may be addresses of panels. */
const PANEL_ARGS: { readonly [K in KernelName]?: readonly string[] } = {
  linearPanels: ['w'],
  embeddingPanels: ['table'],
  expertsInner: ['gate', 'up'],
  expertsOuter: ['down'],
};

/** Whether an argument may be an address beyond the first memory. */
export function mayBePanels(kernel: KernelName, name: string): boolean {
  return PANEL_ARGS[kernel]?.includes(name) ?? false;
}

/** Binds calls of WebAssembly; `instances` have the panels in the first memory, and in each of the others. */
export function bindKernels(...instances: readonly Kernels[]): Bind {
  return (kernel, args) => {
    // What is beyond 32 bits of an address says which instance, and is dropped by the call.
    const run = instances[memoryOf(kernel, args)]![kernel];
    return () => run(...args);
  };
}

/** The memory that has the panels of a call; f32 weights are always in the first. */
function memoryOf(kernel: KernelName, args: readonly number[]): number {
  const used = Object.keys(KERNELS[kernel]).flatMap((name, i) => {
    const memory = mayBePanels(kernel, name) ? Math.floor(args[i]! / MEMORY_SPAN) : 0;
    return memory === 0 ? [] : [memory];
  });
  if (new Set(used).size <= 1) return used[0] ?? 0;
  throw new CeladonError(
    `panels that ${kernel} reads must be in one memory, not in ${used.join()}`,
  );
}
