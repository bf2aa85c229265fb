/** Calls of kernels with their arguments, apart from the code that emits them: workers need no more. */
import type { Prepared } from '../threads/route.ts';
import { KERNELS, type KernelName } from './kernels.table.ts';
import { MEMORY_SPAN } from './memories.ts';

/** The kernels by name; arguments in the order of the table. */
export type Kernels = Readonly<Record<KernelName, (...args: readonly number[]) => void>>;

/** Makes calls with arguments in the order of the table. */
export type Bind = (kernel: KernelName, args: readonly number[]) => Prepared;

/** The argument that is the address of panels. */
const PANEL_ARGS: { readonly [K in KernelName]?: string } = {
  linearPanels: 'w',
  groupedLinearPanels: 'w',
  embeddingPanels: 'table',
};

/** Whether an argument may be an address beyond the first memory. */
export function mayBePanels(kernel: KernelName, name: string): boolean {
  return PANEL_ARGS[kernel] === name;
}

/** Binds calls of WebAssembly; `instances` have the panels in the first memory, and in each of the others. */
export function bindKernels(...instances: readonly Kernels[]): Bind {
  return (kernel, args) => {
    // What is beyond 32 bits of an address says which instance, and is dropped by the call.
    const run = instances[memoryOf(kernel, args)]![kernel];
    return { kernel, args, run: () => run(...args) };
  };
}

/** The memory that has the panels of a call; f32 weights are always in the first. */
function memoryOf(kernel: KernelName, args: readonly number[]): number {
  const panels = Object.keys(KERNELS[kernel]).findIndex((name) => mayBePanels(kernel, name));
  return panels < 0 ? 0 : Math.floor(args[panels]! / MEMORY_SPAN);
}

const NAMES = Object.keys(KERNELS);

/** The number of the function of a call where kernels on each memory follow one another, from 1 on. */
export function functionOf(kernel: KernelName, args: readonly number[]): number {
  return 1 + NAMES.length * memoryOf(kernel, args) + NAMES.indexOf(kernel);
}
