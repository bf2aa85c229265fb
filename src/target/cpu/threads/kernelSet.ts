/** How a thread calls kernels. */
import { instantiate, type WasmMemory, type WasmModule } from '../../../wasm/index.ts';
import type { LinkedLibrary } from '../../../x86/index.ts';
import { bindKernels, type Kernels } from '../kernels/bind.ts';
import type { KernelName } from '../kernels/kernels.table.ts';
import { Machine, NativeRoute, withMachineCode } from '../x86/index.ts';
import { threadWords } from './control.ts';
import type { Prepared, Route, RunChunk } from './route.ts';
import { importsOfWalk, Room, WasmRoute, type WasmWalk } from './wasmRoute.ts';

/** What a thread makes its kernels from; it can be posted to a worker. */
export interface KernelSource {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** Further memories with panels; `module` is then one that has panels in a memory of their own. */
  readonly panels?: readonly WasmMemory[];
  /** What walks: machine code, which takes the place of some kernels too, or a module for as many memories. */
  readonly walk: { readonly code: LinkedLibrary } | { readonly module: WasmModule };
}

/** The kernels of one thread. */
export interface KernelSet {
  /** A call that can be made many times; arguments in the order of the table. */
  readonly prepare: (kernel: KernelName, args: readonly number[]) => Prepared;
  /** The way through calls with so many tasks, which has the host run what it cannot do of those handed over. */
  readonly route: (tasks: readonly number[], runChunk: RunChunk) => Route;
}

/** Of thread number `thread`, with a control block. */
export function openKernels(
  { module, memory, panels = [], walk }: KernelSource,
  control: WasmMemory,
  thread: number,
): KernelSet {
  const words = threadWords(control, thread);
  const memories = [memory, ...panels];
  const instances = memories.map((weights) =>
    instantiate<Kernels>(module, { host: { memory, weights } }),
  );
  const prepare = bindKernels(...instances);
  if ('code' in walk) {
    const machine = new Machine(memories, walk.code);
    return {
      prepare: withMachineCode(prepare, machine),
      route: (tasks, runChunk) => new NativeRoute(machine, tasks, words, runChunk),
    };
  }
  const code = instantiate<WasmWalk>(walk.module, importsOfWalk(control, instances));
  const room = new Room(words.room);
  return { prepare, route: (tasks) => new WasmRoute(code, tasks, words, room) };
}
