/** How a thread calls kernels. */
import { instantiate, type WasmMemory, type WasmModule } from '../../../wasm/index.ts';
import { type LinkedLibrary } from '../../../x86/index.ts';
import { type Kernels } from '../kernels/kernelModule.ts';
import { type KernelName } from '../kernels/kernels.table.ts';
import { withMachineCode } from '../x86/index.ts';

/** What a thread makes its kernels from; it can be posted to a worker. */
export interface KernelSource {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** Machine code that takes the place of some kernels. */
  readonly code?: LinkedLibrary;
}

/** The kernels of one thread. */
export interface KernelSet {
  /** A call that can be made many times; arguments in the order of the table. */
  prepare(kernel: KernelName, args: readonly number[]): () => void;
}

export function openKernels({ module, memory, code }: KernelSource): KernelSet {
  const own = instantiate<Kernels>(module, { host: { memory } });
  const kernels = withMachineCode(own, memory, code);
  return {
    prepare(kernel, args) {
      const run = kernels[kernel];
      return () => run(...args);
    },
  };
}
