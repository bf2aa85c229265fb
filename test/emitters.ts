/** What the kernels of the cpu target can be made with here: tests that say nothing of it run on both. */
import { cpuTarget, type Emitter } from '../src/target/cpu/index.ts';

const { emitter, reason } = cpuTarget().emitter;

/** Those that run here; WebAssembly does everywhere. */
export const EMITTERS: readonly Emitter[] = emitter === 'x86' ? ['wasm', 'x86'] : ['wasm'];

/** Why machine code does not run, for tests that are skipped without it. */
export const NO_MACHINE_CODE: string | false =
  emitter === 'x86' ? false : (reason ?? 'machine code does not run here');
