/** What the kernels of the cpu target can be made with here: tests that say nothing of it run on all. */
import { UnsupportedError } from '../src/base/index.ts';
import { cpuTarget, type EmitterRequest } from '../src/target/cpu/index.ts';

/** Those that run here; WebAssembly does everywhere. */
export const EMITTERS: readonly EmitterRequest[] = (['wasm', 'avx512', 'avx2'] as const).filter(
  runs,
);

function runs(emitter: EmitterRequest): boolean {
  try {
    return cpuTarget({ emitter }) !== undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return false;
    throw error;
  }
}

const { emitter, reason } = cpuTarget().emitter;

/** Why machine code does not run, for tests that are skipped without it. */
export const NO_MACHINE_CODE: string | false =
  emitter === 'x86' ? false : (reason ?? 'machine code does not run here');
