/** How a thread calls kernels. */
import { instantiate, type WasmMemory, type WasmModule } from '../../../wasm/index.ts';
import type { LinkedLibrary } from '../../../x86/index.ts';
import { bindKernels, type Kernels } from '../kernels/bind.ts';
import type { KernelName } from '../kernels/kernels.table.ts';
import {
  Machine,
  NativeRoute,
  withMachineCode,
  type Prepared,
  type RouteWords,
} from '../x86/index.ts';

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
  readonly prepare: (kernel: KernelName, args: readonly number[]) => Prepared;
  /** Where there is machine code: the way through calls with so many tasks. */
  readonly route?: (tasks: readonly number[], words: RouteWords) => NativeRoute;
}

export function openKernels({ module, memory, panels = [], code }: KernelSource): KernelSet {
  const memories = [memory, ...panels];
  const instances = memories.map((weights) =>
    instantiate<Kernels>(module, { host: { memory, weights } }),
  );
  const bind = bindKernels(...instances);
  if (code === undefined) return { prepare: (kernel, args) => ({ run: bind(kernel, args) }) };
  const machine = new Machine(memories, code);
  return {
    prepare: withMachineCode(bind, machine),
    route: (tasks, words) => new NativeRoute(machine, tasks, words),
  };
}
