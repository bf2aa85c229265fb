/** How a thread calls kernels. */
import { instantiate, type WasmMemory, type WasmModule } from '../../../wasm/index.ts';
import { type LinkedLibrary } from '../../../x86/index.ts';
import { bindKernels, type Bind, type Kernels } from '../kernels/bind.ts';
import { withMachineCode } from '../x86/index.ts';

/** What a thread makes its kernels from; it can be posted to a worker. */
export interface KernelSource {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** Further memories with panels; `module` is then one that has panels in a memory of their own. */
  readonly panels?: readonly WasmMemory[];
  /** Machine code that takes the place of some kernels. */
  readonly code?: LinkedLibrary;
}

/** The kernels of one thread. */
export interface KernelSet {
  /** A call that can be made many times; arguments in the order of the table. */
  readonly prepare: Bind;
}

export function openKernels({ module, memory, panels = [], code }: KernelSource): KernelSet {
  const memories = [memory, ...panels];
  const instances = memories.map((weights) =>
    instantiate<Kernels>(module, { host: { memory, weights } }),
  );
  return { prepare: withMachineCode(bindKernels(...instances), memories, code) };
}
